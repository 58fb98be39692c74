"""The short way for what a typist sends: one string by one client, or one deleted range.

Owns the two shapes; whatever does not fit them exactly is left to the scanner, which alone refuses.
"""

from __future__ import annotations

from collab_server.errors import InvalidUpdate
from collab_server.updates.run import Run, Update, Wait
from collab_server.updates.varint import MAX_CLOCK, read_varint

_ORIGIN, _RIGHT_ORIGIN, _STRING = 0x80, 0x40, 4
_TYPED = frozenset((_ORIGIN | _STRING, _RIGHT_ORIGIN | _STRING, _ORIGIN | _RIGHT_ORIGIN | _STRING))
_MAX_TEXT_BYTES = 127


def scan_keystroke(data: bytes) -> Update | None:
    """What `scan` would find, or None if it has to look."""
    try:
        head = data[0]
        if head == 1:
            return _scan_typed(data)
        return _scan_deleted(data) if head == 0 else None
    except (IndexError, InvalidUpdate):
        return None


def _scan_typed(data: bytes) -> Update | None:
    """One section of one ASCII string between references, no deletions. One function: calls cost here."""
    if data[1] != 1 or data[-1]:
        return None
    client, pos = read_varint(data, 2)
    own = data[2:pos]
    clock, pos = read_varint(data, pos)
    start = pos
    info = data[pos]
    pos += 1
    if info not in _TYPED:
        return None
    waits: tuple[Wait, ...] = ()
    for flag in (_ORIGIN, _RIGHT_ORIGIN):
        if not info & flag:
            continue
        if data.startswith(own, pos):
            named, pos = read_varint(data, pos + len(own))
            if named >= clock:
                return None
        else:
            other, pos = read_varint(data, pos)
            named, pos = read_varint(data, pos)
            if other == client or named >= MAX_CLOCK:
                return None
            waits = (*waits, (clock, other, named + 1))
    size = data[pos]
    end = pos + 1 + size
    text = data[pos + 1 : end]
    if not 0 < size <= _MAX_TEXT_BYTES or end + 1 != len(data) or not text.isascii():
        return None
    if clock + size > MAX_CLOCK:
        return None
    return Update((Run(client, clock, clock + size, 1, data[start:end], waits),), ())


def _scan_deleted(data: bytes) -> Update | None:
    """No section, and one client with one range."""
    if data[1] != 1:
        return None
    client, pos = read_varint(data, 2)
    if data[pos] != 1:
        return None
    clock, pos = read_varint(data, pos + 1)
    length, pos = read_varint(data, pos)
    if pos != len(data) or not length:
        return None
    return Update((), ((client, clock, clock + length),))
