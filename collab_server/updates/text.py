"""Strings inside updates: strict UTF-8, counted in UTF-16 units as JavaScript counts them.

Owns what lies between a length and the bytes it covers; knows nothing of what the text means. A length may
point past the end of the data: the positions returned do so too, and `scan` refuses what ends there.
"""

from __future__ import annotations

from collab_server.updates.refusal import malformed
from collab_server.updates.varint import read_varint

_REPLACEMENT = "\ufffd".encode()


def read_text(data: bytes, pos: int) -> tuple[str, int]:
    """A string and the position after it. What TextDecoder's `fatal` mode refuses is refused."""
    size, pos = read_varint(data, pos)
    end = pos + size
    try:
        return data[pos:end].decode(), end
    except UnicodeDecodeError:
        raise malformed("a string is not UTF-8") from None


def skip_text(data: bytes, pos: int) -> int:
    """Check a string; the position after it."""
    size = data[pos]
    pos += 1
    if size > 127:
        size, pos = read_varint(data, pos - 1)
    end = pos + size
    raw = data[pos:end]
    if not raw.isascii():
        check_utf8(raw)
    return end


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


def slice_text(raw: bytes, start: int, end: int | None = None) -> bytes:
    """UTF-16 units `start` to `end` of UTF-8 bytes; half a pair becomes U+FFFD, as TextEncoder writes it."""
    if raw.isascii():
        return raw[start:end]
    units = raw.decode().encode("utf-16-le")[2 * start : None if end is None else 2 * end]
    if not units:
        return b""
    before = after = b""
    if 0xDC <= units[1] <= 0xDF:
        before, units = _REPLACEMENT, units[2:]
    if units and 0xD8 <= units[-1] <= 0xDB:
        after, units = _REPLACEMENT, units[:-2]
    return before + units.decode("utf-16-le").encode() + after
