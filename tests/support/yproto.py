"""The y-websocket protocol, written a second time for the tests. It shares no code with the server, so that a
mistake there cannot hide here. Knows bytes only. Source: y-protocols, lib0 encoding."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

SYNC, AWARENESS, AUTH, QUERY_AWARENESS, CHANNEL, STATUS = 0, 1, 2, 3, 100, 102
STEP1, STEP2, UPDATE = 0, 1, 2
EMPTY_STATE_VECTOR = b"\x00"
EMPTY_UPDATE = b"\x00\x00"


def var_uint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(0x80 | (value & 0x7F))
        value >>= 7
    out.append(value)
    return bytes(out)


def var_bytes(data: bytes) -> bytes:
    return var_uint(len(data)) + data


def read_var_uint(data: bytes, offset: int) -> tuple[int, int]:
    """The number at `offset` and the offset after it."""
    value = shift = 0
    while True:
        byte = data[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, offset


def read_var_bytes(data: bytes, offset: int) -> tuple[bytes, int]:
    length, offset = read_var_uint(data, offset)
    assert offset + length <= len(data), "a message is shorter than it says"
    return data[offset : offset + length], offset + length


def decode_state_vector(data: bytes) -> dict[int, int]:
    """Client id → next clock, as Yjs encodes it."""
    count, at = read_var_uint(data, 0)
    vector = {}
    for _ in range(count):
        client, at = read_var_uint(data, at)
        vector[client], at = read_var_uint(data, at)
    return vector


def step1(state_vector: bytes = EMPTY_STATE_VECTOR) -> bytes:
    return bytes((SYNC, STEP1)) + var_bytes(state_vector)


def step2(update: bytes = EMPTY_UPDATE) -> bytes:
    return bytes((SYNC, STEP2)) + var_bytes(update)


def update(data: bytes) -> bytes:
    return bytes((SYNC, UPDATE)) + var_bytes(data)


def awareness_payload(entries: Iterable[tuple[int, int, str]]) -> bytes:
    """Entries are (client id, clock, JSON text or `null`)."""
    listed = list(entries)
    body = b"".join(var_uint(i) + var_uint(c) + var_bytes(state.encode()) for i, c, state in listed)
    return var_uint(len(listed)) + body


def awareness(*entries: tuple[int, int, str]) -> bytes:
    return bytes((AWARENESS,)) + var_bytes(awareness_payload(entries))


def raw_awareness(payload: bytes) -> bytes:
    return bytes((AWARENESS,)) + var_bytes(payload)


def query_awareness() -> bytes:
    return bytes((QUERY_AWARENESS,))


def envelope(value: dict[str, Any]) -> bytes:
    return bytes((CHANNEL,)) + var_bytes(json.dumps(value, ensure_ascii=False).encode())


def status(payload: bytes) -> bytes:
    return bytes((STATUS,)) + var_bytes(payload)


@dataclass(frozen=True, slots=True)
class Message:
    """One message taken apart. `step` only for sync; `data` is the inner bytes, `text` of an auth refusal."""

    type: int
    data: bytes = b""
    step: int = -1
    text: str = ""

    @property
    def json(self) -> dict[str, Any]:
        value = json.loads(self.data)
        assert isinstance(value, dict)
        return value

    @property
    def entries(self) -> list[tuple[int, int, str]]:
        """The entries of an awareness message: (client id, clock, JSON text)."""
        count, at = read_var_uint(self.data, 0)
        entries = []
        for _ in range(count):
            client, at = read_var_uint(self.data, at)
            clock, at = read_var_uint(self.data, at)
            state, at = read_var_bytes(self.data, at)
            entries.append((client, clock, state.decode()))
        assert at == len(self.data), "bytes after the last awareness entry"
        return entries


def decode(payload: bytes) -> Message:
    """Take one message apart; what does not add up is an AssertionError, for no server may send it."""
    kind, at = read_var_uint(payload, 0)
    if kind == SYNC:
        step, at = read_var_uint(payload, at)
        data, at = read_var_bytes(payload, at)
        message = Message(kind, data, step)
    elif kind == AUTH:
        denied, at = read_var_uint(payload, at)
        assert denied == 0, "the only auth message is a refusal"
        data, at = read_var_bytes(payload, at)
        message = Message(kind, data, text=data.decode())
    elif kind == QUERY_AWARENESS:
        message = Message(kind)
    else:
        data, at = read_var_bytes(payload, at)
        message = Message(kind, data)
    assert at == len(payload), f"bytes after the end of a message of type {kind}"
    return message
