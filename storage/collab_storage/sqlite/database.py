"""Opening the journal's file: creating it whole, knowing it again, bringing it up to date.

`FORMAT.md` has the form. Runs on the thread that will own the connection. Knows the migrations, not what the
tables hold.
"""

from __future__ import annotations

import os
import sqlite3
from importlib import resources
from pathlib import Path
from typing import Literal

from collab_storage.errors import ForeignFileError, NewerFormatError, StorageError, UnreadableError
from collab_storage.sqlite.faults import translated

#: `PRAGMA application_id` of the journal's file: "CoJo".
APPLICATION_ID = 0x436F4A6F

#: How far a commit has got when it returns: `full` survives a power cut, `normal` and `off` only the process.
Synchronous = Literal["full", "normal", "off"]

PAGE_BYTES = 4096
BUSY_TIMEOUT_SECONDS = 5.0
#: The write-ahead log is copied into the file whenever it holds so many pages …
CHECKPOINT_PAGES = 1000
#: … and cut back to this if a long reader made it grow.
WAL_LIMIT_BYTES = 64 << 20


def migrations() -> list[str]:
    """The SQL that leads from format n to n + 1, for n = 0, 1, …"""
    folder = resources.files("collab_storage") / "migrations"
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name
    )
    return [file.read_text(encoding="utf-8") for file in files]


def create_if_absent(path: Path) -> None:
    """Put an empty journal at `path` unless there is a file. It appears whole or not at all."""
    where = str(path)
    with translated(where):
        if path.exists():
            return
        if Path(f"{path}-wal").exists():
            raise UnreadableError("the file is missing, yet its write-ahead log is there", where=where)
        draft = Path(f"{path}.new")
        for leftover in (draft, Path(f"{draft}-journal")):
            leftover.unlink(missing_ok=True)
        _create(draft)
        os.replace(draft, path)
        _sync_directory(path.parent)


def _create(draft: Path) -> None:
    connection = sqlite3.connect(draft, isolation_level=None)
    try:
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
        connection.execute("PRAGMA synchronous=FULL")
        _migrate(connection, found=0)
    finally:
        connection.close()


def _sync_directory(path: Path) -> None:
    """Make the entries of a directory durable; SQLite does so for its own side files only."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_for_writing(path: Path, *, synchronous: Synchronous) -> sqlite3.Connection:
    """The writer's connection to the existing file at `path`, in autocommit mode, at the newest format."""
    connection = _connect(path)
    try:
        with translated(str(path)):
            _migrate(connection, found=_check_format(connection, path))
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(f"PRAGMA synchronous={synchronous}")
            connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
            connection.execute(f"PRAGMA journal_size_limit={WAL_LIMIT_BYTES}")
            # Some builds overwrite all that is deleted, at twice the writing; FAST does so where it is free.
            connection.execute("PRAGMA secure_delete=FAST")
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A further connection to a file that a writer has opened; it can change nothing."""
    connection = _connect(path)
    try:
        with translated(str(path)):
            connection.execute("PRAGMA query_only=ON")
            # The first statement joins the write-ahead log. From then on a writer that is given up is not the
            # last to close, and does not sync and empty the log through the handle that has failed.
            connection.execute("SELECT placed FROM progress").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_looking(path: Path) -> sqlite3.Connection:
    """A connection to a file that another process may have open, or nobody; it takes no part in upkeep.

    Raises FileNotFoundError if there is none.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    # mode=ro: the last connection to close would otherwise empty the write-ahead log into the file.
    connection = _connect(path, mode="ro")
    try:
        with translated(str(path)):
            found = _check_format(connection, path)
        if found < len(migrations()):
            raise StorageError(f"{path} has the older format {found}: start the server on it once")
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: Path, *, mode: str = "rw") -> sqlite3.Connection:
    where = str(path)
    with translated(where):
        if path.stat().st_size == 0:
            raise UnreadableError("the file is empty", where=where)
        # Never rwc: a file that has vanished is an error, not made anew.
        uri = f"{path.absolute().as_uri()}?mode={mode}"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_SECONDS)
        connection.execute("PRAGMA cell_size_check=ON")
    return connection


def _check_format(connection: sqlite3.Connection, path: Path) -> int:
    """The format of the file. Raises ForeignFileError and NewerFormatError."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if application_id != APPLICATION_ID:
        raise ForeignFileError(f"{path} is a database of another application (id {application_id:#010x})")
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    known = len(migrations())
    if found > known:
        raise NewerFormatError(where=str(path), found=found, known=known)
    return int(found)


def _migrate(connection: sqlite3.Connection, *, found: int) -> None:
    """Run each missing migration in a transaction of its own; one cut short runs again from its start."""
    for number, sql in enumerate(migrations()[found:], start=found + 1):
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA application_id={APPLICATION_ID};\n"
                f"PRAGMA user_version={number};\nCOMMIT;"
            )
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
