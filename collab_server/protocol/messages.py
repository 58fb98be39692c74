"""The messages of y-websocket and this server's two additions: one WebSocket payload ↔ one value.

Owns the outer framing only; what an update, an awareness frame or an envelope holds is read elsewhere.
Source: y-protocols `sync.js`, `auth.js`; y-websocket `y-websocket.js`; y-sweet's sync status (102).
"""

from __future__ import annotations

from enum import IntEnum

from collab_server.errors import BadMessage
from collab_server.protocol.varint import read_varuint, write_bytes, write_varuint

_SYNC, _AWARENESS, _AUTH, _QUERY_AWARENESS = 0, 1, 2, 3
_ROOM_CHANNEL, _SYNC_STATUS = 100, 102


class MessageKind(IntEnum):
    """What a message is. UNKNOWN is a type that this server does not speak; it is ignored."""

    STEP_1 = 0
    STEP_2 = 1
    UPDATE = 2
    AWARENESS = 3
    QUERY_AWARENESS = 4
    ROOM_CHANNEL = 5
    SYNC_STATUS = 6
    UNKNOWN = 7


_SYNC_KINDS = (MessageKind.STEP_1, MessageKind.STEP_2, MessageKind.UPDATE)
_BODY_KINDS = {
    _AWARENESS: MessageKind.AWARENESS,
    _ROOM_CHANNEL: MessageKind.ROOM_CHANNEL,
    _SYNC_STATUS: MessageKind.SYNC_STATUS,
}


def decode(message: bytes) -> tuple[MessageKind, bytes]:
    """Tell what a message is and return its body without the length prefix.

    Raises BadMessage if it is empty, cut off, or followed by bytes that belong to nothing.
    """
    if len(message) < 2:
        return _decode_short(message)
    first = message[0]
    if first == _SYNC:
        step = message[1]
        if step > 2:
            raise BadMessage(f"sync message {step} does not exist")
        return _SYNC_KINDS[step], _body(message, 2)
    if first >= 0x80:
        return MessageKind.UNKNOWN, b""
    kind = _BODY_KINDS.get(first)
    if kind is not None:
        return kind, _body(message, 1)
    if first == _QUERY_AWARENESS:
        raise BadMessage("a query for awareness has no body")
    return MessageKind.UNKNOWN, b""


def _decode_short(message: bytes) -> tuple[MessageKind, bytes]:
    if not message:
        raise BadMessage("the message is empty")
    if message[0] == _QUERY_AWARENESS:
        return MessageKind.QUERY_AWARENESS, b""
    if message[0] == _SYNC or message[0] in _BODY_KINDS:
        raise BadMessage("the message ends after its type")
    return MessageKind.UNKNOWN, b""


def _body(message: bytes, position: int) -> bytes:
    """Everything after the length prefix, which has to name exactly that."""
    size, start = read_varuint(message, position)
    if size != len(message) - start:
        raise BadMessage(f"the message names {size} bytes and holds {len(message) - start}")
    return message[start:]


def encode_step_1(state_vector: bytes) -> bytes:
    """`state_vector` as encoded by `updates.encode_state_vector`."""
    return b"\x00\x00" + write_bytes(state_vector)


def encode_step_2(update: bytes) -> bytes:
    return step_2_head(len(update)) + update


def step_2_head(size: int) -> bytes:
    """What goes before an update of `size` bytes."""
    return b"\x00\x01" + write_varuint(size)


def update_head(size: int) -> bytes:
    """As `step_2_head`."""
    return b"\x00\x02" + write_varuint(size)


def encode_update(update: bytes) -> bytes:
    return b"\x00\x02" + write_bytes(update)


def encode_awareness(awareness: bytes) -> bytes:
    """`awareness` as encoded by `protocol.awareness.encode_entries`."""
    return b"\x01" + write_bytes(awareness)


def encode_permission_denied(reason: str) -> bytes:
    """The auth message; stock clients write its reason to their console and do nothing else."""
    return write_varuint(_AUTH) + b"\x00" + write_bytes(reason.encode())


def encode_room_channel(envelope: bytes) -> bytes:
    """`envelope` is UTF-8 JSON, see `protocol.envelope`."""
    return write_varuint(_ROOM_CHANNEL) + write_bytes(envelope)


def encode_sync_status(body: bytes) -> bytes:
    """The echo of a sync status, sent once everything before it is durable."""
    return write_varuint(_SYNC_STATUS) + write_bytes(body)


#: An awareness message without entries: clients ignore it, and their 30 s watchdog is content.
KEEP_ALIVE = encode_awareness(b"\x00")
