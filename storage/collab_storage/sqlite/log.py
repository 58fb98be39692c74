"""The write-ahead log of a file: when it is copied into the file, and how after a copying has failed.

Owns the one rule that SQLite has not: what was copied since the log was begun is believed only as long as no
copying has failed. While somebody reads, SQLite copies a part, does not sync it and notes it as copied; the
sync of a later copying is to make it last. When that one fails, Linux forgets the part as well, and it would
never be copied again. Synchronous; knows no table.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from collab_storage.errors import UnavailableError
from collab_storage.sqlite.database import FileKind, open_alone
from collab_storage.sqlite.faults import storage_error, translated

#: After a part was copied the rest is tried after this part of the usual pages.
RETRY_SHARE = 10


class Log:
    """Counts what is written and copies the log when it is enough. For the one process that copies.

    `failed`: see `settle_log`, which must be done before anything else is.
    """

    def __init__(self, kind: FileKind, *, where: str) -> None:
        self._where = where
        self._page_bytes = kind.page_bytes
        self._rows_per_page = kind.rows_per_page
        self._most_pages = kind.checkpoint_pages
        #: About how many were written since the log was copied.
        self.pages = 0
        self.failed = False

    @property
    def is_due(self) -> bool:
        return self.pages >= self._most_pages

    def wrote(self, *, rows: int = 0, size_bytes: int = 0) -> None:
        """Count a commit: rows of any size that it changed, and the bytes of rows that are not among them."""
        if rows or size_bytes:
            self.pages += 1 + rows // self._rows_per_page + size_bytes // self._page_bytes

    def copy(self, connection: sqlite3.Connection) -> None:
        """Copy what readers allow. All of it is safe in the log before and after.

        Raises UnavailableError or UnreadableError, and is `failed` then.
        """
        self.pages = 0
        try:
            busy, logged, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
                # Nothing counts as copied then, and nothing is lost. Whoever writes is told when there is no
                # room for the log either.
                return
            self.failed = True
            raise storage_error(error, where=self._where) from error
        if busy or copied < logged:
            # Readers come and go, and the log grows until all of it was copied once.
            self.pages = self._most_pages - self._most_pages // RETRY_SHARE


def settle_log(path: Path, kind: FileKind) -> UnavailableError | None:
    """Copy the whole log into the file, from its beginning, and begin it anew. None if that is done.

    To be done at the start and after a copying has failed, with no connection of this process open. What an
    earlier process left is no better known: a sync of its log may have failed, and then the kernel shows a
    log that has a hole on the disk.

    An error that is returned leaves a file that can be read, because all of its log is found in the log.
    One that is raised does not: others have the file open, and what they copied is believed.
    """
    where = str(path)
    connection = open_alone(path, kind)
    try:
        with translated(where):
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except UnavailableError as error:
        return error
    finally:
        connection.close()
    if busy:
        raise UnavailableError(f"{where}: somebody reads the write-ahead log, which is to be begun anew")
    return None
