"""Where records are, and the line between those with a place and the newest."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from collab_storage import UnreadableError
from collab_storage.sqlite import places
from collab_storage.sqlite.database import JOURNAL, migrations
from collab_storage.sqlite.places import Placement, find_placed

INSERT = "INSERT INTO records VALUES (?, ?, ?, 0, 1, 0.0, x'', x'', 0)"


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """A database in memory with streams 1 and 2, the second trimmed up to offset 5."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for sql in migrations(JOURNAL):
        connection.executescript(sql)
    for number, floor in ((1, -1), (2, 5)):
        connection.execute(
            "INSERT INTO streams VALUES (?, 't', ?, 'doc', 0, ?, 0, 0)", (number, f"room {number}", floor)
        )
    yield connection
    connection.close()


def placed(connection: sqlite3.Connection) -> list[tuple[int, int, int]]:
    return connection.execute("SELECT stream_id, offset, record_id FROM places ORDER BY 1, 2").fetchall()


def test_records_get_their_places_in_order(connection: sqlite3.Connection) -> None:
    placement = Placement(connection, where="x")
    assert placement.take_ids(3) == 1
    connection.executemany(INSERT, [(1, 2, 7), (2, 1, 0), (3, 1, 1)])
    placement.names.add(("t", "room 1", "doc"))
    placement.place()
    placement.settle()
    assert placed(connection) == [(1, 0, 2), (1, 1, 3), (2, 7, 1)]
    assert find_placed(connection, where="x") == 3
    assert placement.names == set()
    assert placement.take_ids(1) == 4


def test_removed_records_get_no_place_and_are_dropped(connection: sqlite3.Connection) -> None:
    placement = Placement(connection, where="x")
    placement.take_ids(4)
    connection.executemany(INSERT, [(1, 2, 4), (2, 2, 5), (3, 2, 6), (4, 99, 0)])
    placement.place()
    assert placed(connection) == [(2, 6, 3)]
    assert connection.execute("SELECT id FROM records").fetchall() == [(3,)]


def test_what_a_crash_left_is_known_again(connection: sqlite3.Connection) -> None:
    connection.executemany(INSERT, [(1, 1, 0), (2, 2, 6)])
    placement = Placement(connection, where="x")
    assert placement.names == {("t", "room 1", "doc"), ("t", "room 2", "doc")}
    assert placement.take_ids(1) == 3


def test_ids_are_never_given_twice_though_the_newest_records_are_gone(connection: sqlite3.Connection) -> None:
    placement = Placement(connection, where="x")
    placement.take_ids(2)
    connection.executemany(INSERT, [(1, 1, 0), (2, 1, 1)])
    placement.place()
    placement.settle()
    connection.execute("DELETE FROM records")
    assert Placement(connection, where="x").take_ids(1) == 3


def test_names_stay_if_records_came_after_the_placing(connection: sqlite3.Connection) -> None:
    placement = Placement(connection, where="x")
    placement.names.add(("t", "room 1", "doc"))
    placement.place()
    placement.take_ids(1)
    placement.settle()
    assert placement.names == {("t", "room 1", "doc")}


def test_a_transaction_that_was_undone_is_forgotten(connection: sqlite3.Connection) -> None:
    placement = Placement(connection, where="x")
    placement.take_ids(1)
    connection.execute(INSERT, (1, 1, 0))
    placement.names.add(("t", "room 1", "doc"))
    connection.execute("BEGIN")
    placement.place()
    connection.execute("ROLLBACK")
    placement.forget()
    placement.settle()
    assert placement.names == {("t", "room 1", "doc")}
    placement.place()
    assert placed(connection) == [(1, 0, 1)]


def test_placing_is_due_after_many_records(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "PLACING_ROWS", 3)
    placement = Placement(connection, where="x")
    placement.take_ids(2)
    assert not placement.is_due
    placement.take_ids(1)
    assert placement.is_due


@pytest.mark.parametrize(
    "sql", ["UPDATE progress SET placed=5", "UPDATE progress SET placed='x'", "DELETE FROM progress"]
)
def test_a_damaged_line_is_noticed(connection: sqlite3.Connection, sql: str) -> None:
    connection.execute(sql)
    with pytest.raises(UnreadableError, match="progress"):
        find_placed(connection, where="x")
