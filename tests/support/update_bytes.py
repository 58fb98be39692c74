"""Yjs updates, state vectors and their parts, built by hand for the tests, right or wrong.

Shares no code with the server. Whatever is passed in is written as it is: nothing is checked. Source: Yjs
`utils/encoding.js`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Id = tuple[int, int]

GC, DELETED, JSON, BINARY, STRING, EMBED, FORMAT, TYPE, ANY, DOCUMENT, SKIP = range(11)


def uint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(0x80 | (value & 0x7F))
        value >>= 7
    out.append(value)
    return bytes(out)


def sized(data: bytes | str) -> bytes:
    raw = data.encode() if isinstance(data, str) else data
    return uint(len(raw)) + raw


def item(
    kind: int,
    content: bytes,
    *,
    origin: Id | None = None,
    right: Id | None = None,
    root: str | bytes = "t",
    parent: Id | None = None,
    key: str | bytes | None = None,
    flags: int = 0,
) -> bytes:
    """A struct that hangs on an origin, a right origin, a parent, or else on the root."""
    info = kind | flags
    info |= 0x80 if origin else 0
    info |= 0x40 if right else 0
    info |= 0x20 if key is not None else 0
    out = bytes((info,))
    for place in (origin, right):
        out += uint(place[0]) + uint(place[1]) if place else b""
    if not origin and not right:
        out += b"\x00" + uint(parent[0]) + uint(parent[1]) if parent else b"\x01" + sized(root)
        out += sized(key) if key is not None else b""
    return out + content


def string(
    text: str | bytes, origin: Id | None = None, right: Id | None = None, root: str | bytes = "t"
) -> bytes:
    return item(STRING, sized(text), origin=origin, right=right, root=root)


def values(*encoded: bytes) -> bytes:
    """Content 8."""
    return uint(len(encoded)) + b"".join(encoded)


def texts(*encoded: str | bytes) -> bytes:
    """Content 2."""
    return uint(len(encoded)) + b"".join(map(sized, encoded))


def entries(pairs: Iterable[tuple[str, bytes]]) -> bytes:
    """An object of `any`, keys in the order given."""
    found = list(pairs)
    return b"\x76" + uint(len(found)) + b"".join(sized(key) + value for key, value in found)


def gc(length: int) -> bytes:
    return b"\x00" + uint(length)


def skip(length: int) -> bytes:
    return b"\x0a" + uint(length)


def section(client: int, clock: int, *structs: bytes) -> bytes:
    return uint(len(structs)) + uint(client) + uint(clock) + b"".join(structs)


def deletions(ranges: Mapping[int, Iterable[tuple[int, int]]]) -> bytes:
    """client → (clock, length) as they are to stand there."""
    out = uint(len(ranges))
    for client, found in ranges.items():
        listed = list(found)
        out += uint(client) + uint(len(listed))
        out += b"".join(uint(clock) + uint(length) for clock, length in listed)
    return out


def update(*sections: bytes, deletes: Mapping[int, Iterable[tuple[int, int]]] | None = None) -> bytes:
    return uint(len(sections)) + b"".join(sections) + deletions(deletes or {})


def one(struct: bytes, client: int = 1, clock: int = 0) -> bytes:
    """An update of a single struct."""
    return update(section(client, clock, struct))


def state_vector(state: Mapping[int, int]) -> bytes:
    return uint(len(state)) + b"".join(uint(client) + uint(clock) for client, clock in state.items())
