"""Opening a file, of the journal or the bases: creating it whole, knowing it again, bringing it up to date.

`FORMAT.md` has the form. Runs on the thread that will own the connection. Knows the migrations, not what the
tables hold.
"""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

from collab_storage.directories import sync_directory
from collab_storage.errors import (
    ForeignFileError,
    NewerFormatError,
    StorageError,
    UnreadableError,
)
from collab_storage.sqlite.faults import translated

#: How far a commit has got when it returns: `full` survives a power cut, `normal` and `off` only the process.
Synchronous = Literal["full", "normal", "off"]


@dataclass(frozen=True, slots=True)
class FileKind:
    """What one kind of file has that the other has not. `FORMAT.md` says why the numbers differ."""

    #: Folder of its SQL in `collab_storage/migrations`.
    folder: str
    #: `PRAGMA application_id`.
    application_id: int
    page_bytes: int
    #: Of the rows that a transaction changes, so many lie in one page, more or less; see `log.Log.wrote`.
    rows_per_page: int
    #: How long to wait for somebody else's transaction.
    busy_timeout_seconds: float
    #: The write-ahead log is copied into the file (`log.py`) whenever it has grown by so many pages …
    checkpoint_pages: int
    #: … and cut back to this if a long reader, or a large transaction, made it grow.
    wal_limit_bytes: int


#: How long to wait for others who have the file open, before nobody but this process is to have it.
ALONE_SECONDS = 5.0

#: "CoJo". One process writes; only the end of its predecessor is waited for.
JOURNAL = FileKind(
    folder="journal",
    application_id=0x436F4A6F,
    page_bytes=4096,
    rows_per_page=4,
    busy_timeout_seconds=5.0,
    checkpoint_pages=1000,
    wal_limit_bytes=64 << 20,
)
#: "CoBa". Workers write in turn, each up to a whole large base in one transaction.
BASES = FileKind(
    folder="bases",
    application_id=0x436F4261,
    page_bytes=8192,
    # Measured: a deleted room of one base changes 5 rows in 9 pages; 19 dropped bases 95 rows in 42 to 117.
    rows_per_page=1,
    busy_timeout_seconds=30.0,
    checkpoint_pages=500,
    wal_limit_bytes=8 << 20,
)


def migrations(kind: FileKind) -> list[str]:
    """The SQL that leads from format n to n + 1, for n = 0, 1, …"""
    folder = resources.files("collab_storage") / "migrations" / kind.folder
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name
    )
    return [file.read_text(encoding="utf-8") for file in files]


def create_if_absent(path: Path, kind: FileKind) -> None:
    """Put an empty store at `path` unless there is a file. It appears whole or not at all."""
    where = str(path)
    with translated(where):
        if path.exists():
            return
        if Path(f"{path}-wal").exists():
            raise UnreadableError("the file is missing, yet its write-ahead log is there", where=where)
        draft = Path(f"{path}.new")
        for leftover in (draft, Path(f"{draft}-journal")):
            leftover.unlink(missing_ok=True)
        _create(draft, kind)
        os.replace(draft, path)
        sync_directory(path.parent)


def _create(draft: Path, kind: FileKind) -> None:
    connection = sqlite3.connect(draft, isolation_level=None)
    try:
        connection.execute(f"PRAGMA page_size={kind.page_bytes}")
        connection.execute("PRAGMA synchronous=FULL")
        _migrate(connection, kind, found=0)
    finally:
        connection.close()


def open_for_writing(
    path: Path, kind: FileKind, *, synchronous: Synchronous, upgrade: bool = True
) -> sqlite3.Connection:
    """A writer's connection to the existing file at `path`, in autocommit mode, at the newest format.

    An older format is brought up to date, or refused with StorageError if not `upgrade`: only the process
    that holds the data directory may do that, others write beside it.
    """
    connection = _connect(path, kind)
    try:
        with translated(str(path)):
            if upgrade:
                _migrate(connection, kind, found=_check_format(connection, path, kind))
            check_current(connection, path, kind)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(f"PRAGMA synchronous={synchronous}")
            # SQLite would copy after a commit and keep a failure to itself; see `log.py`.
            connection.execute("PRAGMA wal_autocheckpoint=0")
            connection.execute(f"PRAGMA journal_size_limit={kind.wal_limit_bytes}")
            # Some builds overwrite all that is deleted, at twice the writing; FAST does so where it is free.
            connection.execute("PRAGMA secure_delete=FAST")
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_reading(path: Path, kind: FileKind) -> sqlite3.Connection:
    """A further connection to a file that a writer has opened once; it can change nothing.

    While it is open, who else closes the file is not the last to do so and does not copy the log into it; nor
    does this one, being `mode=ro`.
    """
    connection = _connect(path, kind, mode="ro")
    try:
        with translated(str(path)):
            # The first statement joins the write-ahead log, and from then on the file counts as open.
            check_current(connection, path, kind)
    except BaseException:
        connection.close()
        raise
    return connection


def open_alone(path: Path, kind: FileKind) -> sqlite3.Connection:
    """The only connection to a file of this version or an older one; all others wait or are refused.

    It makes the index of the log anew, in memory of its own, so nothing counts as copied. Raises
    UnavailableError if somebody keeps the file open.
    """
    connection = _connect(path, kind, timeout=ALONE_SECONDS)
    try:
        with translated(str(path)):
            # Before the first look at the file: https://www.sqlite.org/wal.html#noshm
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            _check_format(connection, path, kind)
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_looking(path: Path, kind: FileKind) -> sqlite3.Connection:
    """A connection to a file that another process may have open, or nobody; it takes no part in upkeep.

    Raises FileNotFoundError if there is none.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    # mode=ro: the last connection to close would otherwise empty the write-ahead log into the file.
    connection = _connect(path, kind, mode="ro")
    try:
        with translated(str(path)):
            found = _check_format(connection, path, kind)
        if found < len(migrations(kind)):
            raise StorageError(f"{path} has the older format {found}: start the server on it once")
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(
    path: Path, kind: FileKind, *, mode: str = "rw", timeout: float | None = None
) -> sqlite3.Connection:
    where = str(path)
    with translated(where):
        if path.stat().st_size == 0:
            raise UnreadableError("the file is empty", where=where)
        # Never rwc: a file that has vanished is an error, not made anew.
        uri = f"{path.absolute().as_uri()}?mode={mode}"
        timeout = kind.busy_timeout_seconds if timeout is None else timeout
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=timeout)
        connection.execute("PRAGMA cell_size_check=ON")
    return connection


def check_current(connection: sqlite3.Connection, path: Path, kind: FileKind) -> None:
    """Raises StorageError if the file is not at the format that this version writes."""
    found, known = _check_format(connection, path, kind), len(migrations(kind))
    if found < known:
        raise StorageError(f"{path} has format {found}; a server has to bring it up to format {known} first")


def _check_format(connection: sqlite3.Connection, path: Path, kind: FileKind) -> int:
    """The format of the file. Raises ForeignFileError and NewerFormatError."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if application_id != kind.application_id:
        raise ForeignFileError(f"{path} is a database of another application (id {application_id:#010x})")
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    known = len(migrations(kind))
    if found > known:
        raise NewerFormatError(where=str(path), found=found, known=known)
    return int(found)


def _migrate(connection: sqlite3.Connection, kind: FileKind, *, found: int) -> None:
    """Run each missing migration in a transaction of its own; one cut short runs again from its start."""
    for number, sql in enumerate(migrations(kind)[found:], start=found + 1):
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA application_id={kind.application_id};\n"
                f"PRAGMA user_version={number};\nCOMMIT;"
            )
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
