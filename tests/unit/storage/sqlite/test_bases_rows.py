"""Bases, chunks and entries of the quarantine as rows."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any
from zlib import crc32

import pytest
from collab_storage import Base, Quarantined, UnreadableError
from collab_storage.sqlite.bases_rows import (
    TABLE_NUMBER,
    base_checksum,
    chunk_checksum,
    chunk_id,
    decode_base,
    decode_chunk,
    decode_entry,
    entry_checksum,
    room_checksum,
)

BASE = Base("t", "r", 3, 7, b"head", 1000, 10, 1.5)
ENTRY = Quarantined("t", "r", 2, 7, "why", 3, 1.5)
BAD = crc32(b"bad")
WHERE = "/d/bases.db"


def base_row() -> list[Any]:
    return [3, 7, 1.5, 1000, 10, base_checksum(BASE), b"head"]


def entry_row() -> list[Any]:
    return [2, 7, 1.5, "why", 3, BAD, entry_checksum(ENTRY, BAD)]


def read_base(row: list[Any], *, room: str = "r") -> Base:
    return decode_base(tuple(row), tenant="t", room=room, where=WHERE)


def read_entry(row: list[Any], *, room: str = "r") -> Quarantined:
    return decode_entry(tuple(row), tenant="t", room=room, where=WHERE)


def read_chunk(row: tuple[Any, Any] | None, base: Base = BASE, number: int = 2) -> bytes:
    return decode_chunk(row, base, number, size_bytes=4, where=WHERE)


def test_they_come_back() -> None:
    assert read_base(base_row()) == BASE
    assert read_entry(entry_row()) == ENTRY
    assert read_chunk((chunk_checksum(BASE, 2, b"data"), b"data")) == b"data"


def test_checksums_and_ids_are_those_of_the_document() -> None:
    key = b"t\0r\0"
    base = key + struct.pack(">qq", 3, 7)
    assert room_checksum("t", "r") == crc32(key)
    assert base_checksum(BASE) == crc32(base + struct.pack(">dqq", 1.5, 1000, 10) + b"head")
    assert chunk_checksum(BASE, 2, b"data") == crc32(base + struct.pack(">q", 2) + b"data")
    assert entry_checksum(ENTRY, BAD) == crc32(key + struct.pack(">qdqI", 7, 1.5, 3, BAD) + b"why")
    assert chunk_id(BASE, TABLE_NUMBER) == 3 * 1048576
    assert chunk_id(BASE, 2) == 3 * 1048576 + 2


@pytest.mark.parametrize("column", range(7))
def test_a_change_of_any_column_of_a_base_is_found_and_named(column: int) -> None:
    changes: list[Any] = [4, 8, 1.25, 1001, 11, 12345, b"dhea"]
    for changed in (changes[column], None, "text", b"blob"):
        row = base_row()
        row[column] = changed
        with pytest.raises(
            UnreadableError, match=r"bases\.db: room 'r' of tenant 't'.*: the entry is damaged"
        ):
            read_base(row)


@pytest.mark.parametrize("column", range(1, 7))
def test_a_change_of_any_column_of_an_entry_is_found_and_named(column: int) -> None:
    changes: list[Any] = [0, 8, 1.25, "who", 4, 12345, 12345]
    for changed in (changes[column], None, "text", b"blob"):
        row = entry_row()
        row[column] = changed
        with pytest.raises(UnreadableError, match="entry 2 of the quarantine is damaged"):
            read_entry(row)


def test_what_is_wrong_with_a_chunk_is_named() -> None:
    checksum = chunk_checksum(BASE, 2, b"data")
    for row, problem in (
        (None, "chunk 1 is missing"),
        ((checksum, b"datum"), "chunk 1 has not its length of 4 bytes"),
        ((checksum, "data"), "chunk 1 has not its length of 4 bytes"),
        ((checksum, b"daXa"), "chunk 1 is damaged"),
        ((None, b"data"), "chunk 1 is damaged"),
    ):
        with pytest.raises(UnreadableError, match=f"offset 7: base 3: {problem}"):
            read_chunk(row)
    with pytest.raises(UnreadableError, match="the table is missing"):
        read_chunk(None, number=TABLE_NUMBER)


def test_a_row_is_nobody_elses() -> None:
    for base in (
        replace(BASE, room="q"),
        replace(BASE, tenant="u"),
        replace(BASE, id=4),
        replace(BASE, offset=8),
    ):
        with pytest.raises(UnreadableError):
            read_chunk((chunk_checksum(base, 2, b"data"), b"data"))
    with pytest.raises(UnreadableError):
        read_chunk((chunk_checksum(BASE, 2, b"data"), b"data"), number=3)
    with pytest.raises(UnreadableError):
        read_base(base_row(), room="q")
    with pytest.raises(UnreadableError):
        read_entry(entry_row(), room="q")
