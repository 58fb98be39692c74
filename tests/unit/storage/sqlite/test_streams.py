"""The entries of streams."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from collab_storage import Record, RecordKind, StreamKey, UnreadableError
from collab_storage.sqlite.database import JOURNAL, migrations
from collab_storage.sqlite.rows import encode_row
from collab_storage.sqlite.streams import Stream, find_head, find_stream, insert_stream, save_stream

KEY = StreamKey("t", "r", "doc")


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for sql in migrations(JOURNAL):
        connection.executescript(sql)
    yield connection
    connection.close()


def test_a_stream_is_found_again(connection: sqlite3.Connection) -> None:
    assert find_stream(connection, KEY, where="x") is None
    made = insert_stream(connection, KEY, first=4)
    made.head, made.floor = 9, 6
    save_stream(connection, made)
    found = find_stream(connection, KEY, where="x")
    assert found is not None
    assert (found.id, found.floor, found.saved_head, found.seed) == (made.id, 6, 9, made.seed)
    assert find_stream(connection, StreamKey("t", "r", "doc2"), where="x") is None


def test_numbers_are_not_used_again(connection: sqlite3.Connection) -> None:
    first = insert_stream(connection, KEY, first=0)
    connection.execute("DELETE FROM streams")
    assert insert_stream(connection, KEY, first=0).id > first.id


@pytest.mark.parametrize(
    "change", ["floor=3", "head=3", "floor='x'", "head=0.5", "checksum=1", "checksum=x'00'"]
)
def test_a_damaged_entry_is_noticed(connection: sqlite3.Connection, change: str) -> None:
    insert_stream(connection, KEY, first=0)
    connection.execute(f"UPDATE streams SET {change}")
    with pytest.raises(UnreadableError, match="room 'r' of tenant 't', stream 'doc': the entry"):
        find_stream(connection, KEY, where="x")


def test_a_name_that_its_index_lost_is_not_a_new_room(connection: sqlite3.Connection) -> None:
    insert_stream(connection, KEY, first=0)
    # Two indexes change places, so SQLite looks for the name in one that holds no row.
    connection.execute("CREATE INDEX empty ON streams (tenant, room, stream) WHERE id < 0")
    connection.execute("PRAGMA writable_schema=ON")
    names = ("empty", "sqlite_autoindex_streams_1")
    connection.execute(
        "UPDATE sqlite_schema SET rootpage=(SELECT sum(rootpage) FROM sqlite_schema WHERE name IN (?1, ?2))"
        " - rootpage WHERE name IN (?1, ?2)",
        names,
    )
    connection.execute("PRAGMA writable_schema=RESET")
    with pytest.raises(UnreadableError, match="index of streams does not hold it"):
        find_stream(connection, KEY, where="x")


def insert(connection: sqlite3.Connection, stream: Stream, row_id: int, offset: int, *, placed: bool) -> None:
    """A record of a stream, the first as far as it says itself."""
    record = Record(KEY.tenant, KEY.room, KEY.stream, offset, RecordKind.DELTA, b"data", b"[]", 1.5)
    row = encode_row(record, stream_id=stream.id, seed=stream.seed, previous=-1)
    connection.execute("INSERT INTO records VALUES (?,?,?,?,?,?,?,?,?)", (row_id, *row))
    if placed:
        connection.execute("INSERT INTO places VALUES (?, ?, ?)", (stream.id, offset, row_id))


def test_the_head_is_the_highest_of_all_that_is_known(connection: sqlite3.Connection) -> None:
    stream = insert_stream(connection, KEY, first=0)
    insert(connection, stream, 1, 0, placed=True)
    insert(connection, stream, 2, 4, placed=False)
    assert find_head(connection, stream, placed=None, where="x") == 0
    assert find_head(connection, stream, placed=1, where="x") == 4
    stream.floor = 9
    assert find_head(connection, stream, placed=1, where="x") == 9


def test_a_lost_end_is_noticed(connection: sqlite3.Connection) -> None:
    stream = insert_stream(connection, KEY, first=3)
    insert(connection, stream, 1, 2, placed=True)
    with pytest.raises(UnreadableError, match="records up to offset 3 are missing"):
        find_head(connection, stream, placed=0, where="x")


@pytest.mark.parametrize(
    "sql", ["UPDATE records SET data=x'00'", "UPDATE places SET offset=5", "DELETE FROM records"]
)
def test_a_head_is_not_believed_without_its_record(connection: sqlite3.Connection, sql: str) -> None:
    stream = insert_stream(connection, KEY, first=3)
    insert(connection, stream, 1, 3, placed=True)
    connection.execute(sql)
    with pytest.raises(UnreadableError, match="room 'r' of tenant 't', stream 'doc'"):
        find_head(connection, stream, placed=1, where="x")
