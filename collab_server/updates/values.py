"""The `any` values of lib0, walked without building them and without recursion.

Owns their shape and nesting; knows nothing of the structs around them. Source: lib0 `decoding.js`, `readAny`.
"""

from __future__ import annotations

from collab_server.updates.refusal import malformed, too_large
from collab_server.updates.text import skip_text
from collab_server.updates.varint import MAX_SAFE_INTEGER, read_varint

UNDEFINED, NULL, INTEGER, FLOAT32, FLOAT64, BIGINT = 127, 126, 125, 124, 123, 122
FALSE, TRUE, TEXT, OBJECT, ARRAY, BINARY = 121, 120, 119, 118, 117, 116

_NESTED = (OBJECT, ARRAY)
_FIXED_SIZE = {UNDEFINED: 0, NULL: 0, FALSE: 0, TRUE: 0, FLOAT32: 4, FLOAT64: 8, BIGINT: 8}


def skip_values(data: bytes, pos: int, count: int, max_depth: int) -> int:
    """Check `count` values that follow each other; the position after them.

    Raises IndexError at the end of the data, InvalidUpdate for what is no value or nested too deep.
    """
    # What is left to read of each open array (count) and object (-1 - count), innermost last.
    left: list[int] = []
    while True:
        while count == 0:
            if not left:
                return pos
            count = left.pop()
        if count < 0:
            if count == -1:
                count = 0
                continue
            pos = skip_text(data, pos)
            count += 1
        else:
            count -= 1
        tag = data[pos]
        pos += 1
        if tag == TEXT:
            pos = skip_text(data, pos)
        elif tag in _NESTED:
            if len(left) >= max_depth:
                raise too_large(f"a value is nested deeper than {max_depth}")
            left.append(count)
            count, pos = _read_count(data, pos)
            if tag == OBJECT:
                count = -1 - count
        else:
            pos = _skip_flat(data, pos, tag)


def _read_count(data: bytes, pos: int) -> tuple[int, int]:
    count, pos = read_varint(data, pos)
    if count > len(data) - pos:
        raise malformed("more values than bytes")
    return count, pos


def _skip_flat(data: bytes, pos: int, tag: int) -> int:
    """A value without others in it, after its tag."""
    size = _FIXED_SIZE.get(tag)
    if size is not None:
        pos += size
    elif tag == INTEGER:
        return _skip_signed(data, pos)
    elif tag == BINARY:
        size, pos = read_varint(data, pos)
        pos += size
    else:
        raise malformed(f"there is no value with tag {tag}")
    if pos > len(data):
        raise malformed("a value ends after the data")
    return pos


def _skip_signed(data: bytes, pos: int) -> int:
    """lib0's varInt: six bits and a sign in the first byte, seven in each that follows."""
    byte = data[pos]
    pos += 1
    if byte < 128:
        return pos
    rest, pos = read_varint(data, pos)
    if rest << 6 | byte & 63 > MAX_SAFE_INTEGER:
        raise malformed("an integer is above 2^53 - 1")
    return pos
