"""Updates without the content of some of their structs: what cannot be kept leaves a tombstone.

Owns where the structs of an update stand. Clocks and what hangs on them stay, so other people's structs keep
their places. Reads only heads and lengths, of what was scanned when it came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from collab_server.types import ClockRange
from collab_server.updates.content import DELETED, GC, SKIP, TYPE
from collab_server.updates.refusal import malformed
from collab_server.updates.trim import content_start, struct_end
from collab_server.updates.varint import read_varint, varint

_FLAGS = 0xE0
_EMPTY = frozenset((GC, DELETED, SKIP))


@dataclass(frozen=True, slots=True)
class _Struct:
    """Bytes `start` to `end` of an update are the struct of these clocks."""

    kind: int
    clocks: ClockRange
    start: int
    end: int


def content_of(update: bytes) -> list[ClockRange]:
    """The clocks of each struct that has content, in the order of the bytes. Raises InvalidUpdate."""
    return [struct.clocks for struct in _structs(update) if struct.kind not in _EMPTY]


def hollow(update: bytes, is_unusable: Callable[[ClockRange], bool]) -> bytes:
    """The update with a tombstone, under the same head, for each struct of which that is true.

    Raises InvalidUpdate.
    """
    return _replaced(update, lambda struct: is_unusable(struct.clocks))


def hull(update: bytes) -> bytes:
    """The update without any content but types, which others stand in. Raises InvalidUpdate."""
    return _replaced(update, lambda struct: struct.kind != TYPE)


def _replaced(update: bytes, chosen: Callable[[_Struct], bool]) -> bytes:
    parts: list[bytes] = []
    copied = 0
    for struct in _structs(update):
        if struct.kind in _EMPTY or not chosen(struct):
            continue
        _, clock, end = struct.clocks
        info = update[struct.start] & _FLAGS | DELETED
        head = update[struct.start + 1 : content_start(update, struct.start)]
        parts += (update[copied : struct.start], bytes((info,)), head, varint(end - clock))
        copied = struct.end
    return b"".join((*parts, update[copied:]))


def _structs(update: bytes) -> Iterator[_Struct]:
    try:
        sections, pos = read_varint(update, 0)
        for _ in range(sections):
            count, pos = read_varint(update, pos)
            client, pos = read_varint(update, pos)
            clock, pos = read_varint(update, pos)
            for _ in range(count):
                length, end = struct_end(update, pos)
                yield _Struct(update[pos] & 31, (client, clock, clock + length), pos, end)
                pos, clock = end, clock + length
    except (IndexError, KeyError):
        raise malformed("an update cannot be taken apart into structs") from None
