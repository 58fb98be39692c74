"""Variable-length integers of lib0 inside updates, bounded; written for speed.

Owns the two directions for one integer. `protocol.varint` does the same for whole messages, where a cut-off
integer is the frame's fault; here it is the update's.
"""

from __future__ import annotations

from functools import lru_cache

from collab_server.updates.refusal import malformed

#: The largest integer that a JavaScript client can count exactly: the highest client id.
MAX_SAFE_INTEGER = (1 << 53) - 1
#: The highest clock after a struct. Yjs and Yrs count clocks in 32 bits here and there.
MAX_CLOCK = (1 << 31) - 1
_MAX_BITS = 70


def read_varint(data: bytes, pos: int) -> tuple[int, int]:
    """The integer at `pos` and the position after it.

    Raises IndexError at the end of the data, InvalidUpdate if it is longer than ten bytes or above 2^53 - 1.
    """
    byte = data[pos]
    if byte < 128:
        return byte, pos + 1
    low = data[pos + 1]
    if low < 128:
        return byte & 127 | low << 7, pos + 2
    value = byte & 127 | (low & 127) << 7
    pos += 2
    shift = 14
    while True:
        byte = data[pos]
        pos += 1
        value |= (byte & 127) << shift
        if byte < 128:
            break
        shift += 7
        if shift >= _MAX_BITS:
            raise malformed("an integer is longer than ten bytes")
    if value > MAX_SAFE_INTEGER:
        raise malformed("an integer is above 2^53 - 1")
    return value, pos


def varint(value: int) -> bytes:
    """One non-negative integer, encoded."""
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


#: Client ids come back with every delta of their client, and are five bytes long.
client_varint = lru_cache(maxsize=4096)(varint)
