"""Variable-length unsigned integers and length-prefixed bytes, as lib0 writes them, bounded.

Owns the two primitives of every message; knows no message. Source: lib0 `encoding.js`, `decoding.js`.
"""

from __future__ import annotations

from collab_server.errors import BadMessage

#: The largest integer that a JavaScript client can count exactly.
MAX_SAFE_INTEGER = (1 << 53) - 1
_MAX_VARINT_BYTES = 10


def write_varuint(value: int) -> bytes:
    """Encode a non-negative integer in groups of seven bits, lowest first."""
    if value < 128:
        return bytes((value,))
    if value < 16384:
        return bytes((value & 127 | 128, value >> 7))
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def write_bytes(data: bytes) -> bytes:
    """Encode bytes behind their length (`varUint8Array`)."""
    return write_varuint(len(data)) + data


def read_varuint(data: bytes, position: int) -> tuple[int, int]:
    """Decode one integer; returns it with the position after it.

    Raises BadMessage if the bytes end early, the integer is longer than ten bytes or above 2^53 - 1.
    """
    if position < len(data) and (first := data[position]) < 0x80:
        return first, position + 1
    value = 0
    shift = 0
    end = min(len(data), position + _MAX_VARINT_BYTES)
    while position < end:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value > MAX_SAFE_INTEGER:
                raise BadMessage("an integer is above 2^53 - 1")
            return value, position
        shift += 7
    raise BadMessage("an integer is cut off or longer than ten bytes")
