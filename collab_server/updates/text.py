"""Strings inside updates: strict UTF-8, counted in UTF-16 units as JavaScript counts them.

Owns what lies between a length and the bytes it covers; knows nothing of what the text means.
"""

from __future__ import annotations

from collab_server.updates.refusal import malformed
from collab_server.updates.varint import read_varint


def read_bytes(data: bytes, pos: int) -> tuple[bytes, int]:
    """Length-prefixed bytes at `pos` and the position after them."""
    size, pos = read_varint(data, pos)
    end = pos + size
    if end > len(data):
        raise malformed("a length points past the end")
    return data[pos:end], end


def read_text(data: bytes, pos: int) -> tuple[str, int]:
    """A string and the position after it. What TextDecoder's `fatal` mode refuses is refused."""
    raw, pos = read_bytes(data, pos)
    try:
        return raw.decode(), pos
    except UnicodeDecodeError:
        raise malformed("a string is not UTF-8") from None


def skip_text(data: bytes, pos: int) -> int:
    """Check a string; the position after it."""
    raw, pos = read_bytes(data, pos)
    if not raw.isascii():
        check_utf8(raw)
    return pos


def check_utf8(raw: bytes) -> None:
    try:
        raw.decode()
    except UnicodeDecodeError:
        raise malformed("a string is not UTF-8") from None


def utf16_length(raw: bytes) -> int:
    """Length of UTF-8 bytes as JavaScript counts it: characters outside the basic plane count twice."""
    if raw.isascii():
        return len(raw)
    try:
        return len(raw.decode().encode("utf-16-le")) >> 1
    except UnicodeDecodeError:
        raise malformed("a string is not UTF-8") from None
