"""Awareness frames: what each client says of itself, as the bytes that came.

Owns reading and writing `varUint n, n x (varUint client, varUint clock, varString JSON)`; what is newer than
what is decided in `rooms.awareness`. Source: y-protocols `awareness.js`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from collab_server.errors import BadMessage
from collab_server.protocol.json_check import check_json
from collab_server.protocol.varint import read_varuint, write_bytes, write_varuint

#: The state of a client that has left.
LEFT = b"null"
_MAX_DEPTH = 64


class AwarenessEntry(NamedTuple):
    """One client's state: UTF-8 JSON of an object, or `null` when it left."""

    client: int
    clock: int
    state: bytes

    @property
    def left(self) -> bool:
        return self.state == LEFT

    @property
    def encoded(self) -> bytes:
        return write_varuint(self.client) + write_varuint(self.clock) + write_bytes(self.state)


def decode_entries(data: bytes, *, max_entries: int, max_state_bytes: int) -> list[AwarenessEntry]:
    """Read a whole frame or refuse all of it.

    Raises BadMessage if a state is no JSON object or `null` that JSON.parse would take, a client stands
    twice, a limit is passed, or bytes are missing or left over.
    """
    count, position = read_varuint(data, 0)
    # An entry takes at least five bytes, so a count that lies is found before anything is allocated.
    if count > max_entries or count * 5 > len(data):
        raise BadMessage(f"awareness of {count} clients does not fit")
    entries: list[AwarenessEntry] = []
    for _ in range(count):
        client, position = read_varuint(data, position)
        clock, position = read_varuint(data, position)
        size, start = read_varuint(data, position)
        position = start + size
        if size > max_state_bytes:
            raise BadMessage(f"the awareness state of a client is over {max_state_bytes} bytes")
        entries.append(AwarenessEntry(client, clock, _checked(data[start:position])))
    if position != len(data):
        raise BadMessage("the awareness entries do not end where the frame does")
    if count > 1 and len({entry.client for entry in entries}) != count:
        raise BadMessage("a client stands twice in one awareness frame")
    return entries


def _checked(state: bytes) -> bytes:
    """The state, `null` in its shortest form."""
    if state == LEFT:
        return LEFT
    try:
        text = state.decode()
        check_json(text, _MAX_DEPTH)
    except ValueError as error:
        raise BadMessage(f"an awareness state is not JSON: {error}") from error
    kind = text.lstrip(" \t\r\n")[0]
    if kind == "n":
        return LEFT
    if kind != "{":
        raise BadMessage("an awareness state is neither an object nor null")
    return state


def encode_entries(entries: Sequence[AwarenessEntry]) -> bytes:
    """Write a frame's body in the given order."""
    return write_varuint(len(entries)) + b"".join([entry.encoded for entry in entries])
