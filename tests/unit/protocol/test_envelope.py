import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_server.protocol import envelope
from collab_server.protocol.envelope import EnvelopeError, Hello, Mark
from collab_server.types import Identity, Permission


def test_hello_is_read_and_unknown_fields_are_ignored() -> None:
    hello = envelope.decode(b'{"op":"hello","v":1,"channels":{"chat":{}},"user":"u_1","later":[1]}')
    assert hello == Hello("u_1", {"chat": {}})
    assert envelope.decode(b'{"op":"hello"}') == Hello()


def test_marks_are_read() -> None:
    assert envelope.decode(b'{"op":"mark","id":17}') == Mark(17)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "bad_json"),
        (b"\xff", "bad_json"),
        (b"[" * 10_000, "bad_json"),
        (b"9" * 5_000, "bad_json"),
        (b"[]", "bad_envelope"),
        (b"{}", "unknown_op"),
        (b'{"op":["x"]}', "unknown_op"),
        (b'{"op":"\\ud800"}', "unknown_op"),
        (b'{"op":"hello","v":2}', "unsupported_version"),
        (b'{"op":"hello","channels":[]}', "bad_envelope"),
        (b'{"op":"mark"}', "bad_mark"),
        (b'{"op":"mark","id":true}', "bad_mark"),
        (b'{"op":"mark","id":1.5}', "bad_mark"),
        (b'{"op":"mark","id":-1}', "bad_mark"),
        (b'{"op":"publish","ch":"chat"}', "unknown_channel"),
        (b'{"op":"renew","token":"x"}', "unsupported"),
        (b'{"op":"hello","x":"' + b"x" * envelope.MAX_ENVELOPE_BYTES + b'"}', "too_large"),
    ],
)
def test_what_cannot_be_acted_on_has_a_code_and_a_sentence(data: bytes, code: str) -> None:
    with pytest.raises(EnvelopeError) as caught:
        envelope.decode(data)
    assert caught.value.code == code
    assert caught.value.message.endswith(".")
    json.loads(envelope.nack(caught.value.code, caught.value.message))


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode(errors="surrogatepass")))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    try:
        envelope.decode(data)
    except EnvelopeError:
        pass


def test_what_the_server_says() -> None:
    identity = Identity("default", "u1", "Mira", frozenset({Permission.WRITE, Permission.READ}))
    assert json.loads(envelope.welcome(session="s", identity=identity)) == {
        "op": "welcome",
        "v": 1,
        "session": "s",
        "user": {"id": "u1", "name": "Mira"},
        "can": ["read", "write"],
        "channels": {},
    }
    assert json.loads(envelope.saved(17, "journaled")) == {"op": "saved", "mark": 17, "level": "journaled"}
    assert json.loads(envelope.nack("c", "m", mark=3)) == {
        "op": "nack",
        "code": "c",
        "message": "m",
        "mark": 3,
    }
    assert json.loads(envelope.nack("c", "m", channel="chat", request="1")) == {
        "op": "nack",
        "code": "c",
        "message": "m",
        "ch": "chat",
        "id": "1",
    }
    assert json.loads(envelope.rejected("read_only", 2)) == {
        "op": "rejected",
        "reason": "read_only",
        "count": 2,
    }
    assert json.loads(envelope.drain(1.234)) == {"op": "drain", "retry_after": 1.2}


def test_a_hello_names_a_bounded_number_of_channels() -> None:
    def hello(count: int) -> bytes:
        return json.dumps({"op": "hello", "channels": {f"c{at}": {} for at in range(count)}}).encode()

    assert len(envelope.decode(hello(16)).channels) == 16
    with pytest.raises(envelope.EnvelopeError, match="more than 16"):
        envelope.decode(hello(17))
