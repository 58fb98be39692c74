"""What reads the file, and what it finds wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from collab_storage import Record, StreamKey, UnreadableError
from collab_storage.acceptance import KEY, make_record
from collab_storage.sqlite.database import JOURNAL, create_if_absent, open_for_reading, open_for_writing
from collab_storage.sqlite.reader import Reader
from collab_storage.sqlite.writer import Writer

OTHER = StreamKey("default", "other", "doc")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a journal of ten records here and three elsewhere, all with their places."""
    create_if_absent(path, JOURNAL)
    connection = open_for_writing(path, JOURNAL, synchronous="off")
    writer = Writer(connection, where=str(path))
    writer.append([make_record(offset) for offset in range(10)])
    writer.append([make_record(offset, key=OTHER) for offset in range(3)])
    writer.finish()
    yield connection
    connection.close()


@pytest.fixture
def reader(path: Path, writing: sqlite3.Connection) -> Iterator[Reader]:
    connection = open_for_reading(path, JOURNAL)
    yield Reader(connection, where=str(path))
    connection.close()


def read(reader: Reader, after: int = -1) -> list[Record]:
    return reader.read(KEY, after, 1 << 20, recent=True)


DAMAGE = [
    ("UPDATE records SET data=x'00' WHERE id=4", 3, "the record is damaged"),
    ("UPDATE records SET authors='text' WHERE id=4", 3, "the record is damaged"),
    ("DELETE FROM records WHERE id=4", 3, "the record is damaged"),
    ("DELETE FROM places WHERE record_id=4", 3, "the record before 4 is missing"),
    ("UPDATE places SET record_id=5 WHERE record_id=4", 3, "the record is damaged"),
    ("UPDATE places SET record_id=11 WHERE record_id=4", 3, "the record is damaged"),
    ("DELETE FROM places WHERE record_id=1", 0, "the record before 1 is missing"),
    ("DELETE FROM places WHERE record_id=10", None, "records up to offset 9 are missing"),
    ("DELETE FROM places WHERE record_id<11", None, "records up to offset 9 are missing"),
    ("UPDATE places SET stream_id=9 WHERE record_id=4", 3, "the record before 4 is missing"),
    ("UPDATE streams SET floor=2 WHERE id=1", None, "the entry of the stream is damaged"),
    ("UPDATE streams SET id=77 WHERE id=1", None, "records up to offset 9 are missing"),
]


@pytest.mark.parametrize(("sql", "offset", "problem"), DAMAGE)
def test_damage_is_an_error_that_names_room_and_file(
    path: Path, writing: sqlite3.Connection, reader: Reader, sql: str, offset: int | None, problem: str
) -> None:
    writing.execute(sql)
    with pytest.raises(UnreadableError, match=problem) as caught:
        read(reader)
    error = caught.value
    assert (error.where, error.tenant, error.room, error.stream) == (
        str(path),
        KEY.tenant,
        KEY.room,
        KEY.stream,
    )
    assert error.offset == offset
    assert len(reader.read(OTHER, -1, 1 << 20, recent=True)) == 3


@pytest.mark.parametrize(("sql", "offset", "problem"), DAMAGE)
def test_verify_reports_what_a_read_would_meet(
    writing: sqlite3.Connection, reader: Reader, sql: str, offset: int | None, problem: str
) -> None:
    assert reader.verify() == []
    writing.execute(sql)
    found = [(damage.room, damage.offset, damage.problem) for damage in reader.verify()]
    assert any(
        room == KEY.room and where == offset and text.startswith(problem) for room, where, text in found
    )


def test_verify_reports_each_bad_row(writing: sqlite3.Connection, reader: Reader) -> None:
    writing.execute("UPDATE records SET data=x'00' WHERE id IN (2, 5, 12)")
    found = [(damage.room, damage.offset) for damage in reader.verify()]
    assert found == [(KEY.room, 1), (KEY.room, 4), (OTHER.room, 1)]


def test_verify_reports_records_of_nobody(writing: sqlite3.Connection, reader: Reader) -> None:
    writing.execute("DELETE FROM streams WHERE room='other'")
    assert [damage.problem for damage in reader.verify()] == ["records of stream 2, which has no entry"]


def test_verify_reports_records_without_a_place(writing: sqlite3.Connection, reader: Reader) -> None:
    columns = "3, offset, skipped, kind, time, authors, data, checksum"
    writing.execute(f"INSERT INTO records SELECT 0, {columns} FROM records WHERE id=1")
    assert [damage.problem for damage in reader.verify()] == ["14 records have 13 places"]


def test_a_page_after_damage_can_be_read(writing: sqlite3.Connection, reader: Reader) -> None:
    writing.execute("UPDATE records SET data=x'00' WHERE id=4")
    assert [record.offset for record in read(reader, after=3)] == [4, 5, 6, 7, 8, 9]


def test_the_newest_records_are_seen_if_asked_for(
    path: Path, writing: sqlite3.Connection, reader: Reader
) -> None:
    Writer(writing, where=str(path)).append([make_record(10)])
    assert read(reader, after=8) == [make_record(9), make_record(10)]
    assert reader.head(KEY, recent=True) == 10
    assert reader.read(KEY, 8, 1 << 20, recent=False) == [make_record(9)]


def test_a_read_leaves_no_transaction_open(writing: sqlite3.Connection, reader: Reader) -> None:
    """Else the write-ahead log could never be emptied."""
    reader.read(KEY, -1, 1, recent=True)
    writing.execute("UPDATE records SET data=x'00' WHERE id=1")
    with pytest.raises(UnreadableError):
        read(reader)
    busy, _, _ = writing.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert busy == 0
