"""One record as one row."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import pytest
from collab_storage import Record, RecordKind, StreamKey, UnreadableError
from collab_storage.sqlite.rows import decode_row, encode_row, key_checksum, removed_row

KEY = StreamKey("t", "r", "doc")
RECORD = Record("t", "r", "doc", 7, RecordKind.HELD, b"data", b"[]", 1.5)


def stored() -> tuple[Any, ...]:
    """The columns that are read back."""
    return encode_row(RECORD, stream_id=3, seed=key_checksum(KEY), previous=4)[1:]


def decode(row: tuple[Any, ...], key: StreamKey = KEY) -> Record | None:
    return decode_row(row, key=key, seed=key_checksum(key), where="/d/journal.db")


def test_a_record_comes_back() -> None:
    assert decode(stored()) == RECORD


def test_the_checksum_is_the_one_of_the_document() -> None:
    fields = bytes.fromhex("00000000000000070000000000000002023ff800000000000000000002")
    assert stored()[-1] == crc32(b"t\0r\0doc\0" + fields + b"[]" + b"data")
    assert key_checksum(KEY) == crc32(b"t\0r\0doc\0")


@pytest.mark.parametrize("column", range(7))
def test_a_change_of_any_column_is_found_and_named(column: int) -> None:
    changes: list[Any] = [8, 1, 1, 1.25, b"[1]", b"dbta", 12345]
    for change in (changes[column], None, "text", b"blob"):
        row = list(stored())
        row[column] = change
        with pytest.raises(UnreadableError, match=r"journal\.db: room 'r' of tenant 't', stream 'doc'"):
            decode(tuple(row))


def test_bytes_do_not_move_between_authors_and_data() -> None:
    row = list(stored())
    row[4:6] = b"[]d", b"ata"
    with pytest.raises(UnreadableError):
        decode(tuple(row))


@pytest.mark.parametrize(
    "key", [StreamKey("u", "r", "doc"), StreamKey("t", "q", "doc"), StreamKey("t", "r", "x")]
)
def test_a_row_is_nobody_elses(key: StreamKey) -> None:
    with pytest.raises(UnreadableError):
        decode(stored(), key)


def test_a_removed_row_is_known_as_such() -> None:
    kind, time, authors, data, checksum = removed_row(offset=7, skipped=2, seed=key_checksum(KEY))
    assert decode((7, 2, kind, time, authors, data, checksum)) is None


def test_an_unknown_kind_is_damage_not_a_guess() -> None:
    row = encode_row(RECORD._replace(kind=9), stream_id=3, seed=key_checksum(KEY), previous=4)  # type: ignore[arg-type]
    with pytest.raises(UnreadableError, match="9 is not a valid RecordKind"):
        decode(row[1:])
