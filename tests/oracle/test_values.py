"""Values survive compaction bit for bit: what a load and an encode by Yrs would have changed among them."""

from __future__ import annotations

import pytest

from collab_server.updates.compaction import compact
from tests.oracle.judge import Judge, bytes_of, generate, text_of

#: Each as `normal.mjs` writes it.
PRECIOUS = [
    '{"bigint":"9223372036854775807"}', '{"bigint":"-9223372036854775808"}', '{"bigint":"0"}',
    '{"number":"-0"}', '{"bytes":"0102"}',
    '{"number":"0.1"}', '{"number":"5e-324"}', '{"number":"0.10000000149011612"}', '{"number":"NaN"}',
    '{"undefined":true}', '{"bytes":"00ff"}', '"document":"page"', '"meta":{"object":[["big",{"bigint":"9"}]',
    '"type":"YXmlHook","name":"widget"', "l\\ud800one", "x\\udc00y",
]  # fmt: skip


@pytest.fixture(scope="module")
def log() -> list[bytes]:
    (found,) = generate("precious.mjs")
    return [bytes_of(update) for update in found["log"]]


def test_every_precious_value_is_the_same_in_yjs(judge: Judge, log: list[bytes]) -> None:
    wanted = judge.ask(ask="load", updates=[text_of(update) for update in log], raw=True)["raw"]
    for value in PRECIOUS:
        assert value in wanted, f"the document lacks {value}"
    base: list[bytes] = []
    for update in log:
        base = [compact([*base, update]).data]
    for whole in (base[0], compact(log).data):
        answer = judge.ask(ask="load", updates=[text_of(whole)], raw=True)
        assert answer["raw"] == wanted
        assert not answer["pending"]


def test_keys_keep_their_order(log: list[bytes]) -> None:
    """Yjs gives an object its keys in the order of the bytes, in `any` and in JSON."""
    base = compact(log).data
    any_object = b"\x76\x03\x01z\x7d\x01\x01a\x76\x02\x01y"
    for given in (any_object, b'{"z":0.1,"a":', b'{"z":1,"a":[1e+300]}'):
        assert given in base
        assert any(given in update for update in log)
