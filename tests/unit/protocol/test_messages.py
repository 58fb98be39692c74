import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_server.errors import BadMessage
from collab_server.protocol import messages
from collab_server.protocol.messages import MessageKind

BODIES = st.binary(max_size=300)


@pytest.mark.parametrize(
    ("encode", "kind"),
    [
        (messages.encode_step_1, MessageKind.STEP_1),
        (messages.encode_step_2, MessageKind.STEP_2),
        (messages.encode_update, MessageKind.UPDATE),
        (messages.encode_awareness, MessageKind.AWARENESS),
        (messages.encode_room_channel, MessageKind.ROOM_CHANNEL),
        (messages.encode_sync_status, MessageKind.SYNC_STATUS),
    ],
)
@given(body=BODIES)
def test_what_is_written_is_read(encode, kind: MessageKind, body: bytes) -> None:
    assert messages.decode(encode(body)) == (kind, body)


def test_a_query_for_awareness_has_no_body() -> None:
    assert messages.decode(b"\x03") == (MessageKind.QUERY_AWARENESS, b"")
    with pytest.raises(BadMessage):
        messages.decode(b"\x03\x00")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x00",
        b"\x01",
        b"\x64",
        b"\x66",
        b"\x00\x03\x00",
        b"\x00\x02\x05abcd",
        b"\x00\x02\x01ab",
        b"\x00\x02\xff",
    ],
)
def test_what_is_no_message_is_refused(message: bytes) -> None:
    with pytest.raises(BadMessage):
        messages.decode(message)


@pytest.mark.parametrize("message", [b"\x02\x00\x01x", b"\x04", b"\x63\x00", b"\x65\x00", b"\xff\xff\x01"])
def test_types_of_other_servers_are_told_apart(message: bytes) -> None:
    assert messages.decode(message) == (MessageKind.UNKNOWN, b"")


@given(st.binary(max_size=64))
def test_no_bytes_raise_anything_else(message: bytes) -> None:
    try:
        messages.decode(message)
    except BadMessage:
        pass


def test_the_keep_alive_is_what_clients_ignore() -> None:
    assert bytes((1, 1, 0)) == messages.KEEP_ALIVE


def test_a_denial_carries_its_reason() -> None:
    assert messages.encode_permission_denied("no") == b"\x02\x00\x02no"
