"""Which record is where: the table `places`, and the newest records, which are not in it yet.

A commit of many rooms would touch one page of an index for each; so a record is written without one, and its
place is noted later, together with those of thousands of others, in order. Until then it is found by looking
through the newest records. Shared by writer and reader; each passes its own connection.
"""

from __future__ import annotations

import sqlite3
import struct
from zlib import crc32

from collab_storage.errors import UnreadableError

#: So many records are placed at once.
PLACING_ROWS = 4096

_PLACED = struct.Struct(">q")

#: Places of what was not removed meanwhile.
_PLACE = (
    "INSERT INTO places (stream_id, offset, record_id) SELECT r.stream_id, r.offset, r.id"
    " FROM records r JOIN streams s ON s.id=r.stream_id WHERE r.id>? AND r.offset>s.floor"
    " ORDER BY r.stream_id, r.offset"
)
_DROP_REMOVED = (
    "DELETE FROM records WHERE id>? AND NOT EXISTS"
    " (SELECT 1 FROM streams s WHERE s.id=records.stream_id AND s.floor<records.offset)"
)
_NAMES = (
    "SELECT DISTINCT s.tenant, s.room, s.stream FROM records r"
    " JOIN streams s ON s.id=r.stream_id WHERE r.id>?"
)


def find_placed(connection: sqlite3.Connection, *, where: str) -> int:
    """The id of the last record that is in `places`."""
    placed, checksum = connection.execute("SELECT placed, checksum FROM progress").fetchone() or (None, None)
    if not isinstance(placed, int) or checksum != _checksum(placed):
        raise UnreadableError("the table of progress is damaged", where=where)
    return placed


def _checksum(placed: int) -> int:
    return crc32(_PLACED.pack(placed))


class Placement:
    """The writer's side: gives ids to new records and moves the line up to which they are placed.

    `names` holds every stream that has records past that line, and perhaps others; any thread may look.
    """

    def __init__(self, connection: sqlite3.Connection, *, where: str) -> None:
        self._connection = connection
        self._placed = find_placed(connection, where=where)
        self._placing: int | None = None
        (last,) = connection.execute("SELECT max(id) FROM records").fetchone()
        self._next_id = max(self._placed, last or 0) + 1
        self.names: set[tuple[str, str, str]] = set(connection.execute(_NAMES, (self._placed,)))
        # Records that a crash left unplaced may have been removed before it.
        self.removed_some = True

    @property
    def is_due(self) -> bool:
        return self._next_id - self._placed > PLACING_ROWS

    def take_ids(self, count: int) -> int:
        """The first of `count` successive ids, for records that are inserted now."""
        first = self._next_id
        self._next_id += count
        return first

    def place(self) -> None:
        """Note where the newest records are. Inside a transaction; then `settle` or `forget`."""
        placed = self._placed if self._placing is None else self._placing
        if self.removed_some:
            self._connection.execute(_DROP_REMOVED, (placed,))
            self.removed_some = False
        self._connection.execute(_PLACE, (placed,))
        self._placing = self._next_id - 1
        self._connection.execute(
            "UPDATE progress SET placed=?, checksum=?", (self._placing, _checksum(self._placing))
        )

    def settle(self) -> None:
        """The transaction was committed."""
        if self._placing is not None:
            self._placed, self._placing = self._placing, None
            if self._placed == self._next_id - 1:
                self.names = set()

    def forget(self) -> None:
        """The transaction was rolled back."""
        self._placing = None
        self.removed_some = True
