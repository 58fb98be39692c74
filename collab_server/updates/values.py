"""The `any` values of lib0, walked without building them and without recursion.

Owns their shape and nesting; knows nothing of the structs around them. Source: lib0 `decoding.js`, `readAny`.
"""

from __future__ import annotations

from collab_server.protocol.varint import MAX_SAFE_INTEGER
from collab_server.updates.refusal import malformed, too_large
from collab_server.updates.text import check_utf8
from collab_server.updates.varint import read_varint

UNDEFINED, NULL, INTEGER, FLOAT32, FLOAT64, BIGINT = 127, 126, 125, 124, 123, 122
FALSE, TRUE, TEXT, OBJECT, ARRAY, BINARY = 121, 120, 119, 118, 117, 116

#: Tag → bytes after it, where that is fixed.
_FIXED_SIZE = {UNDEFINED: 0, NULL: 0, FALSE: 0, TRUE: 0, FLOAT32: 4, FLOAT64: 8, BIGINT: 8}


def skip_values(data: bytes, pos: int, count: int, max_depth: int) -> int:  # noqa: C901
    """Check `count` values that follow each other; the position after them, which may be past the end.

    Raises IndexError at the end of the data, InvalidUpdate for what is no value or nested too deep. One loop,
    strings read in place: a drawing's update is hundreds of small values.
    """
    # What is left to read of each open array (count) and object (-1 - count), innermost last.
    left: list[int] = []
    while True:
        if count > 0:
            count -= 1
        elif count < -1:
            count += 1
            size = data[pos]
            pos += 1
            if size > 127:
                size, pos = read_varint(data, pos - 1)
            raw = data[pos : pos + size]
            pos += size
            if not raw.isascii():
                check_utf8(raw)
            elif raw == b"__proto__" and data[pos] == BINARY:
                # lib0 assigns it: the object passes for a Uint8Array, and every client throws on encoding.
                raise malformed("an object has bytes for its prototype")
        elif left:
            count = left.pop()
            continue
        else:
            return pos
        tag = data[pos]
        pos += 1
        if tag == TEXT:
            size = data[pos]
            pos += 1
            if size > 127:
                size, pos = read_varint(data, pos - 1)
            raw = data[pos : pos + size]
            pos += size
            if not raw.isascii():
                check_utf8(raw)
        elif tag in _FIXED_SIZE:
            pos += _FIXED_SIZE[tag]
        elif tag == OBJECT or tag == ARRAY:  # noqa: SIM109 - a tuple to look in costs more
            if len(left) >= max_depth:
                raise too_large(f"a value is nested deeper than {max_depth}")
            left.append(count)
            count, pos = read_varint(data, pos)
            if count > len(data) - pos:
                raise malformed("more values than bytes")
            if tag == OBJECT:
                count = -1 - count
        else:
            pos = _skip_number_or_bytes(data, pos, tag)


def _skip_number_or_bytes(data: bytes, pos: int, tag: int) -> int:
    if tag == BINARY:
        size, pos = read_varint(data, pos)
        return pos + size
    if tag != INTEGER:
        raise malformed(f"there is no value with tag {tag}")
    # lib0's varInt: six bits and a sign in the first byte, seven in each that follows.
    byte = data[pos]
    pos += 1
    if byte < 128:
        return pos
    rest, pos = read_varint(data, pos)
    if (rest << 6) + (byte & 63) > MAX_SAFE_INTEGER:
        raise malformed("an integer is above 2^53 - 1")
    return pos
