"""What changes the file, call by call, and how often it touches it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from collab_storage import ConflictError, UnavailableError
from collab_storage.acceptance import KEY, make_record
from collab_storage.records import StreamKey
from collab_storage.sqlite import places
from collab_storage.sqlite.database import JOURNAL, create_if_absent, open_for_writing
from collab_storage.sqlite.log import Log
from collab_storage.sqlite.writer import Writer


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    path = tmp_path / "journal.db"
    create_if_absent(path, JOURNAL)
    connection = open_for_writing(path, JOURNAL, synchronous="off")
    yield connection
    connection.close()


@pytest.fixture
def writer(connection: sqlite3.Connection) -> Writer:
    return Writer(connection, where="journal.db")


def count(connection: sqlite3.Connection, table: str) -> int:
    number: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    return number


def statements(connection: sqlite3.Connection, writer: Writer, offsets: range) -> list[str]:
    """First words of what one append runs."""
    seen: list[str] = []
    connection.set_trace_callback(seen.append)
    writer.append([make_record(offset) for offset in offsets])
    connection.set_trace_callback(None)
    return [sql.split(" ", 1)[0] for sql in seen]


def test_an_ordinary_append_is_one_statement(connection: sqlite3.Connection, writer: Writer) -> None:
    first = statements(connection, writer, range(1))
    assert first[0] == "SELECT"
    assert first[-1] == "COMMIT"
    assert statements(connection, writer, range(1, 2)) == ["INSERT"]
    assert statements(connection, writer, range(2, 60)) == ["INSERT"]
    assert statements(connection, writer, range(60, 400))[::341] == ["BEGIN", "COMMIT"]
    assert count(connection, "records") == 400


def test_places_are_noted_by_the_append_that_makes_them_due(
    connection: sqlite3.Connection, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "PLACING_ROWS", 5)
    for offset in range(4):
        writer.append([make_record(offset)])
    assert (count(connection, "places"), writer.has_recent(KEY)) == (0, True)
    writer.append([make_record(4), make_record(5)])
    assert (count(connection, "places"), writer.has_recent(KEY)) == (6, False)


def test_another_stream_has_nothing_recent(writer: Writer) -> None:
    writer.append([make_record(0)])
    assert writer.has_recent(KEY)
    assert not writer.has_recent(StreamKey(KEY.tenant, KEY.room, "other"))


def test_a_removal_takes_as_many_steps_as_it_needs(connection: sqlite3.Connection, writer: Writer) -> None:
    writer.append([make_record(offset) for offset in range(1200)])
    writer.finish()
    steps = 1
    while writer.remove(KEY, 1100):
        steps += 1
    assert steps == 3
    assert count(connection, "records") == count(connection, "places") == 99


def test_records_removed_before_they_had_a_place_are_dropped_when_others_get_theirs(
    connection: sqlite3.Connection, writer: Writer
) -> None:
    writer.append([make_record(offset) for offset in range(10)])
    assert writer.remove(KEY, 6) is False
    assert count(connection, "records") == 10
    writer.finish()
    assert count(connection, "records") == count(connection, "places") == 3


def test_empty_rows_are_dropped_once_nothing_stands_before_them(
    connection: sqlite3.Connection, writer: Writer
) -> None:
    writer.append([make_record(offset) for offset in range(5)])
    writer.remove_offsets(KEY, [1, 2])
    assert count(connection, "records") == 5
    writer.remove_offsets(KEY, [0])
    assert count(connection, "records") == 2


def test_a_deleted_room_is_dropped_step_by_step(connection: sqlite3.Connection, writer: Writer) -> None:
    writer.append([make_record(offset) for offset in range(700)])
    writer.delete_room(KEY.tenant, KEY.room)
    assert (count(connection, "streams"), count(connection, "purges")) == (0, 1)
    steps = 0
    while writer.purge():
        steps += 1
    assert steps == 2
    assert [count(connection, table) for table in ("records", "places", "purges")] == [0, 0, 0]


def test_the_end_writes_down_the_heads(connection: sqlite3.Connection, writer: Writer) -> None:
    writer.append([make_record(0)])
    writer.append([make_record(7)])
    assert connection.execute("SELECT head FROM streams").fetchall() == [(0,)]
    writer.finish()
    assert connection.execute("SELECT head FROM streams").fetchall() == [(7,)]


def test_a_conflict_leaves_the_writer_usable(writer: Writer) -> None:
    writer.append([make_record(3)])
    with pytest.raises(ConflictError):
        writer.append([make_record(4), make_record(2)])
    assert not writer.unusable
    writer.append([make_record(4)])


def test_after_a_fault_the_connection_is_not_used_again(
    connection: sqlite3.Connection, writer: Writer
) -> None:
    writer.append([make_record(0)])
    connection.execute("PRAGMA query_only=ON")
    with pytest.raises(UnavailableError):
        writer.append([make_record(1)])
    connection.execute("PRAGMA query_only=OFF")
    for call in (
        lambda: writer.append([make_record(1)]),
        lambda: writer.remove(KEY, 0),
        lambda: writer.remove_offsets(KEY, [0]),
        lambda: writer.delete_room("default", "x"),
        writer.purge,
        writer.finish,
    ):
        with pytest.raises(UnavailableError, match="earlier statement"):
            call()
    assert count(connection, "records") == 1


def test_after_a_failed_copying_it_is_unusable_though_what_it_wrote_is_whole(
    connection: sqlite3.Connection, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(log: Log, connection: sqlite3.Connection) -> None:
        raise UnavailableError("a sync has failed")

    monkeypatch.setattr(Log, "copy", fail)
    monkeypatch.setattr(Log, "is_due", True)
    with pytest.raises(UnavailableError, match="a sync has failed"):
        writer.append([make_record(0)])
    assert writer.unusable
    assert count(connection, "records") == 1
    with pytest.raises(UnavailableError, match="earlier statement"):
        writer.append([make_record(0)])


@pytest.mark.parametrize(
    ("rows", "size"), [(1, 2_000_000), (100, 20_000), (20, 100_000)], ids=["one", "many", "large"]
)
@pytest.mark.parametrize("known", [False, True])
def test_what_a_commit_adds_to_the_log_is_known_within_a_quarter(
    connection: sqlite3.Connection, writer: Writer, rows: int, size: int, known: bool
) -> None:
    """However it is committed. The data of many rows, and of a stream's first, did not count."""
    if known:
        writer.append([make_record(0)])
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = writer.log.pages
    writer.append([make_record(1 + number, data=bytes(size)) for number in range(rows)])
    _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    assert writer.log.pages - before == pytest.approx(pages, rel=0.25)
