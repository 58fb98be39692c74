"""What a failure of SQLite means: one table from its result codes to this package's errors.

Decides only which error; whether to try again is the caller's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from collab_storage.errors import StorageError, UnavailableError, UnreadableError

# Primary result codes, https://www.sqlite.org/rescode.html. Full disk, I/O error, somebody else's lock: they
# pass.
_UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
# SQLite turns a read that fails with EIO into SQLITE_CORRUPT (SQLITE_IOERR_CORRUPTFS, inside vdbe.c).
# So it is no proof of damage, and nothing may be thrown away because of it.
_LOOKS_ALIKE = "; SQLite says the same of a disk that fails to read"
_UNREADABLE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_NOTADB})


#: What the driver raises. Text in a damaged file may not be UTF-8, even that of an error about it.
FAULTS = (sqlite3.Error, UnicodeDecodeError)


def storage_error(error: sqlite3.Error | UnicodeDecodeError, *, where: str) -> StorageError:
    """The error of ours that says what `error`, met in file `where`, means."""
    code = getattr(error, "sqlite_errorcode", None)
    text = f"{error} ({getattr(error, 'sqlite_errorname', 'no code')})"
    primary = None if code is None else code & 0xFF
    if primary == sqlite3.SQLITE_CORRUPT:
        text += _LOOKS_ALIKE
    if primary in _UNAVAILABLE:
        return UnavailableError(f"{where}: {text}")
    # Text that is not UTF-8 is found by the driver, whose error has no code.
    unreadable_text = code is None and isinstance(error, (sqlite3.OperationalError, UnicodeDecodeError))
    if primary in _UNREADABLE or unreadable_text:
        return UnreadableError(text, where=where)
    return StorageError(f"{where}: {text}")


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn errors of SQLite and of the file system inside into this package's."""
    try:
        yield
    except FAULTS as error:
        raise storage_error(error, where=where) from error
    except OSError as error:
        raise UnavailableError(f"{where}: {error}") from error
