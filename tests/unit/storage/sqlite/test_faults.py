"""From the driver's errors to ours."""

from __future__ import annotations

import errno
import sqlite3

import pytest
from collab_storage import StorageError, UnavailableError, UnreadableError
from collab_storage.sqlite.faults import translated


def driver_error(code: int | None, kind: type[sqlite3.Error] = sqlite3.OperationalError) -> sqlite3.Error:
    error = kind("text")
    if code is not None:
        error.sqlite_errorcode = code
        error.sqlite_errorname = "NAME"
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (driver_error(sqlite3.SQLITE_FULL), UnavailableError),
        (driver_error(sqlite3.SQLITE_BUSY), UnavailableError),
        (driver_error(sqlite3.SQLITE_IOERR_FSYNC), UnavailableError),
        (driver_error(sqlite3.SQLITE_CANTOPEN_ISDIR), UnavailableError),
        (driver_error(sqlite3.SQLITE_READONLY_DBMOVED), UnavailableError),
        (driver_error(sqlite3.SQLITE_CORRUPT_INDEX), UnreadableError),
        (driver_error(sqlite3.SQLITE_NOTADB, sqlite3.DatabaseError), UnreadableError),
        (driver_error(None), UnreadableError),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "text"), UnreadableError),
        (OSError(errno.ENOSPC, "text"), UnavailableError),
        (driver_error(sqlite3.SQLITE_ERROR), StorageError),
        (driver_error(sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.IntegrityError), StorageError),
        (driver_error(None, sqlite3.ProgrammingError), StorageError),
    ],
)
def test_each_fault_has_one_meaning(error: Exception, expected: type[StorageError]) -> None:
    with pytest.raises(StorageError, match="text") as caught, translated("/d/journal.db"):
        raise error
    assert type(caught.value) is expected
    assert "/d/journal.db" in str(caught.value)
    assert caught.value.__cause__ is error


def test_what_looks_like_damage_may_be_a_disk_that_fails_to_read() -> None:
    with pytest.raises(UnreadableError, match="a disk that fails to read"), translated("x"):
        raise driver_error(sqlite3.SQLITE_CORRUPT)


def test_other_errors_pass() -> None:
    with pytest.raises(ValueError, match="mine"), translated("x"):
        raise ValueError("mine")


def test_text_that_is_not_utf8_is_damage() -> None:
    connection = sqlite3.connect(":memory:")
    try:
        with pytest.raises(UnreadableError), translated("x"):
            connection.execute("SELECT CAST(x'ff' AS TEXT)").fetchone()
    finally:
        connection.close()
