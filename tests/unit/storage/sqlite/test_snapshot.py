"""One moment of a file, and rooms by name."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from collab_storage import UnavailableError
from collab_storage.sqlite.snapshot import prefix_end, select_rooms, snapshot


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "x.db"
    connection = connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE names (tenant, room)")
    connection.close()
    return path


def connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    connection = connect(path)
    yield connection
    connection.close()


def add(path: Path, room: str) -> None:
    other = connect(path)
    other.execute("INSERT INTO names VALUES ('t', ?)", (room,))
    other.close()


def rooms(connection: sqlite3.Connection, prefix: str = "") -> list[str]:
    return select_rooms(connection, "names", "t", prefix, after="", limit=10)


def test_what_is_read_is_of_one_moment(path: Path, connection: sqlite3.Connection) -> None:
    with snapshot(connection, where="x"):
        assert rooms(connection) == []
        add(path, "late")
        assert rooms(connection) == []
    assert rooms(connection) == ["late"]


def test_one_that_was_left_open_does_not_show_its_old_moment(
    path: Path, connection: sqlite3.Connection
) -> None:
    connection.execute("BEGIN")
    assert rooms(connection) == []
    add(path, "late")
    with snapshot(connection, where="x"):
        assert rooms(connection) == ["late"]


def test_a_fault_names_the_file_and_ends_the_moment(connection: sqlite3.Connection) -> None:
    fault = sqlite3.OperationalError("text")
    fault.sqlite_errorcode = sqlite3.SQLITE_IOERR
    with pytest.raises(UnavailableError, match="the file"), snapshot(connection, where="the file"):
        raise fault
    assert not connection.in_transaction


def test_rooms_are_each_named_once(path: Path, connection: sqlite3.Connection) -> None:
    for room in ("b", "a", "a", "ab"):
        add(path, room)
    assert rooms(connection) == ["a", "ab", "b"]
    assert rooms(connection, "a") == ["a", "ab"]


@pytest.mark.parametrize(
    ("prefix", "end"),
    [
        ("", None),
        ("a", "b"),
        ("ab", "ac"),
        ("a\U0010ffff", "b"),
        ("\U0010ffff", None),
        ("\ud7ff", "\ue000"),
        ("a\x7f", "a\x80"),
    ],
)
def test_the_end_of_a_prefix(prefix: str, end: str | None) -> None:
    assert prefix_end(prefix) == end
