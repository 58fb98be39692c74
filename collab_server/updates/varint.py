"""Variable-length integers of lib0 inside updates, bounded; written for speed.

Owns the two directions for one integer. `protocol.varint` does the same for whole messages, where a cut-off
integer is the frame's fault; here it is the update's.
"""

from __future__ import annotations

from functools import lru_cache

from collab_server.protocol.varint import MAX_SAFE_INTEGER, write_varuint
from collab_server.updates.refusal import malformed

#: The highest clock after a struct. Yjs and Yrs count clocks in 32 bits here and there.
MAX_CLOCK = (1 << 31) - 1
_MAX_BYTES = 10

#: The continuation bits of three and four bytes, to be taken off their sum at once.
_BITS_3 = 0x80 | 0x80 << 7
_BITS_4 = _BITS_3 | 0x80 << 14
_BITS_5 = _BITS_4 | 0x80 << 21


def read_varint(data: bytes, pos: int) -> tuple[int, int]:
    """The integer at `pos` and the position after it.

    Raises IndexError at the end of the data, InvalidUpdate if it is longer than ten bytes or above 2^53 - 1.
    Unrolled: most integers are clocks of one to three bytes and client ids of five.
    """
    a = data[pos]
    if a < 128:
        return a, pos + 1
    b = data[pos + 1]
    if b < 128:
        return a + (b << 7) - 0x80, pos + 2
    c = data[pos + 2]
    if c < 128:
        return a + (b << 7) + (c << 14) - _BITS_3, pos + 3
    d = data[pos + 3]
    if d < 128:
        return a + (b << 7) + (c << 14) + (d << 21) - _BITS_4, pos + 4
    e = data[pos + 4]
    if e < 128:
        return a + (b << 7) + (c << 14) + (d << 21) + (e << 28) - _BITS_5, pos + 5
    return _read_long(data, pos)


def _read_long(data: bytes, pos: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 7 * _MAX_BYTES, 7):
        byte = data[pos]
        pos += 1
        value |= (byte & 127) << shift
        if byte < 128:
            if value > MAX_SAFE_INTEGER:
                raise malformed("an integer is above 2^53 - 1")
            return value, pos
    raise malformed("an integer is longer than ten bytes")


varint = write_varuint
#: Client ids come back with every delta of their client, and are five bytes long.
client_varint = lru_cache(maxsize=4096)(varint)
