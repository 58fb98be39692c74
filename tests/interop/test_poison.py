"""The poison corpus, sent to the real process in every way that a client has: the sender is told, nobody else
notices, and nothing of it is relayed or written down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from collab_storage import Record, StreamKey
from collab_storage.sqlite import SqliteJournal
from pycrdt import Doc

from collab_server.types import DEFAULT_TENANT
from collab_server.updates.limits import DEFAULT_LIMITS
from tests.conftest import both_ways_in
from tests.interop.attack import MEGABYTE, ROOM, TOLD_WITHIN, Scene, Shot, attack, scene
from tests.support import yproto
from tests.support.editor import Editor
from tests.support.poison import POISON, Poison
from tests.support.rawclient import RawClient
from tests.support.server import ServerProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

BAD_FRAME = 4400
GROWTH_PER_ATTACKER = 16 * MEGABYTE

UPDATES = [case for case in POISON if case.kind == "update" and case.expected != "accepted"]
VECTORS = [case for case in POISON if case.kind == "state_vector"]

BAD_AWARENESS = {
    "F2 2^27 entries": yproto.var_uint(1 << 27),
    "F15 200 kB of ff": b"\xff" * 200_000,
    "F18 200,000 clients": yproto.awareness_payload((client, 1, "{}") for client in range(200_000)),
    "F20 the second of two entries is cut off": yproto.awareness_payload([(1, 1, "{}"), (2, 1, "{}")])[:-2],
    "F20 the second of two states is no JSON": yproto.awareness_payload([(1, 1, "{}"), (2, 1, "{")]),
    "F21 a clock of 2^200": yproto.var_uint(1) + yproto.var_uint(1) + yproto.var_uint(1 << 200) + b"\x02{}",
    "F21 a clock of 2^53 + 1": yproto.awareness_payload([(1, (1 << 53) + 1, "{}")]),
    "F22 client id 2^63 + 5": yproto.awareness_payload([((1 << 63) + 5, 1, "{}")]),
    "F3 no UTF-8": yproto.var_uint(1) + b"\x01\x01" + yproto.var_bytes(b'{"a":"\xff\xfe"}'),
    "a state that is a number": yproto.awareness_payload([(1, 1, "1")]),
    "a state that is a list": yproto.awareness_payload([(1, 1, "[]")]),
    "NaN": yproto.awareness_payload([(1, 1, '{"a":NaN}')]),
    "nested 30,000 deep": yproto.awareness_payload([(1, 1, '{"a":' * 30_000 + "1" + "}" * 30_000)]),
    "a state of 1 MB": yproto.awareness_payload([(1, 1, '{"a":"' + "x" * MEGABYTE + '"}')]),
    "bytes after the end": yproto.awareness_payload([(1, 1, "{}")]) + b"\x00",
}


@pytest.fixture(autouse=True)
def workers_allow_no_more_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker scans may hold far more by default; here it is refused like what is scanned at once."""
    monkeypatch.setenv("COLLAB_LIMITS__MAX_LARGE_UPDATE_PARTS", str(DEFAULT_LIMITS.max_blocks))


def shot(case: Poison, carrier: str, message: bytes) -> Shot:
    """What is no update at all closes its sender; what a client might honestly make only is rejected."""
    name = f"{case.name} as {carrier}"
    if case.expected == "accepted":
        return Shot(name, message)
    if case.expected == "malformed":
        return Shot(name, message, closes=BAD_FRAME)
    return Shot(name, message, rejected=case.expected)


async def is_harmless(target: Scene, shots: list[Shot]) -> None:
    """Everybody is told, in time; all of them together do not cost what one may."""
    result = await attack(target, shots)
    print(result)
    assert result.complaints == []
    assert result.told_after <= TOLD_WITHIN, result
    assert result.rss_growth <= GROWTH_PER_ATTACKER, result


async def stored(data: Path) -> list[Record]:
    """Everything that the attacked room has in the journal, held parts included."""
    journal = SqliteJournal(data / "journal.sqlite3")
    await journal.open()
    try:
        streams = await journal.streams(DEFAULT_TENANT, ROOM)
        return [
            record
            for info in streams
            for record in await journal.read(StreamKey(DEFAULT_TENANT, ROOM, info.stream), max_bytes=1 << 30)
        ]
    finally:
        await journal.close()


async def nothing_was_stored(server: ServerProcess, data: Path, expected: str) -> None:
    await server.stop()
    document: Doc[Any] = Doc()
    records = await stored(data)
    assert {record.stream for record in records} == {"doc"}
    for record in records:
        document.apply_update(record.data)
    assert str(document.get("text", type=type(Editor().text))) == expected
    assert len(yproto.decode_state_vector(document.get_state())) == 1
    await server.start()


async def refused(server: ServerProcess) -> dict[str, float]:
    prefix = "collab_updates_refused_total"
    return {name: value for name, value in (await server.metrics()).items() if name.startswith(prefix)}


@both_ways_in
@pytest.mark.parametrize("carrier", ["step 2", "update"])
async def test_updates_are_refused_and_told(server: ServerProcess, tmp_path: Path, carrier: str) -> None:
    encode = yproto.step2 if carrier == "step 2" else yproto.update
    async with scene(server) as target:
        await is_harmless(target, [shot(case, carrier, encode(case.data)) for case in UPDATES])
        counted = await refused(server)
    for reason in ("malformed", "unknown_content", "too_large"):
        sent = sum(case.expected == reason for case in UPDATES)
        assert counted[f'collab_updates_refused_total{{reason="{reason}"}}'] == sent
    await nothing_was_stored(server, tmp_path / "data", str(target.peers.writer.text))


@both_ways_in
async def test_state_vectors_are_refused_and_told(server: ServerProcess, tmp_path: Path) -> None:
    async with scene(server) as target:
        await is_harmless(target, [shot(case, "step 1", yproto.step1(case.data)) for case in VECTORS])
    await nothing_was_stored(server, tmp_path / "data", str(target.peers.writer.text))


@both_ways_in
async def test_awareness_is_refused_and_told(server: ServerProcess, tmp_path: Path) -> None:
    shots = [
        Shot(name, yproto.raw_awareness(payload), closes=BAD_FRAME) for name, payload in BAD_AWARENESS.items()
    ]
    async with scene(server) as target:
        await is_harmless(target, shots)
    await nothing_was_stored(server, tmp_path / "data", str(target.peers.writer.text))


async def test_poison_of_one_kind_in_the_place_of_another_harms_nobody(
    server: ServerProcess, tmp_path: Path
) -> None:
    """Updates as step 1 and as awareness, state vectors as updates: told or not, nobody else notices."""
    crossed = [Shot(f"{case.name} as step 1", yproto.step1(case.data)) for case in UPDATES]
    crossed += [
        Shot(f"{case.name} as awareness", yproto.raw_awareness(case.data))
        for case in [*UPDATES, *VECTORS]
        if case.data
    ]
    crossed += [
        Shot(f"{case.name} as update", yproto.update(case.data), closes=BAD_FRAME) for case in VECTORS
    ]
    async with scene(server) as target:
        await is_harmless(target, crossed)
    await nothing_was_stored(server, tmp_path / "data", str(target.peers.writer.text))


async def test_a_deletion_of_what_is_not_written_yet_deletes_nothing_later(server: ServerProcess) -> None:
    """F14: the known part is applied, the rest forgotten: what the victim writes afterwards stays."""
    async with Editor() as victim, await RawClient.connect(f"{server.url}/{ROOM}") as attacker:
        await victim.connect(f"{server.url}/{ROOM}")
        await victim.joined()
        everything = (
            b"\x00\x01" + yproto.var_uint(victim.doc.client_id) + b"\x01\x00" + yproto.var_uint(1 << 31)
        )
        attacker.send(yproto.update(everything))
        attacker.send(yproto.query_awareness())
        await attacker.wait_message(lambda m: m.type == yproto.AWARENESS)
        victim.append("still here")
        async with Editor() as late:
            await late.connect(f"{server.url}/{ROOM}")
            await late.wait_text("still here")
    await server.restart()
    async with Editor() as late:
        await late.connect(f"{server.url}/{ROOM}")
        await late.joined()
        assert str(late.text) == "still here"


async def test_control_a_server_that_looks_at_nothing_tells_nobody(mute: ServerProcess) -> None:
    case = next(case for case in UPDATES if case.expected == "malformed")
    async with await RawClient.connect(f"{mute.url}/{ROOM}") as attacker:
        attacker.send(yproto.update(case.data))
        with pytest.raises(AssertionError):
            await attacker.wait_closed(within=1)
