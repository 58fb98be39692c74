"""Columns of integers as bytes: read and written without a look at each.

Owns the encoding alone: each column behind its length, eight bytes for Q and four for I, little-endian.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable

from collab_server.updates.refusal import malformed


def write_columns(*columns: tuple[str, Iterable[int]]) -> bytes:
    """Columns of the type codes Q and I, one after the other."""
    parts: list[bytes] = []
    for code, values in columns:
        column = array(code, values)
        if sys.byteorder == "big":
            column.byteswap()
        parts += (len(column).to_bytes(8, "little"), column.tobytes())
    return b"".join(parts)


def read_columns(data: bytes, codes: str) -> list[array[int]]:
    """All of `data` as columns. Raises InvalidUpdate if it is none of these."""
    columns, pos = read_some_columns(data, codes)
    if pos != len(data):
        raise malformed("something follows the columns")
    return columns


def read_some_columns(data: bytes, codes: str) -> tuple[list[array[int]], int]:
    """The columns at the beginning of `data`, and the position after them."""
    columns: list[array[int]] = []
    pos = 0
    for code in codes:
        column = array(code)
        end = pos + 8 + int.from_bytes(data[pos : pos + 8], "little") * column.itemsize
        if end > len(data):
            raise malformed("the columns end too early")
        column.frombytes(data[pos + 8 : end])
        if sys.byteorder == "big":
            column.byteswap()
        columns.append(column)
        pos = end
    return columns, pos
