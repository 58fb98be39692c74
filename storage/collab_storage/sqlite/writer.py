"""Everything that changes the journal's file. Synchronous; lives on the thread of its connection.

Remembers the numbers of streams and their heads, so that an ordinary commit is one statement that only
inserts. Knows no event loop.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import chain

from collab_storage.errors import ConflictError, StorageError, UnavailableError
from collab_storage.records import MAX_OFFSET, Record, StreamKey, check_key
from collab_storage.sqlite.database import JOURNAL
from collab_storage.sqlite.faults import FAULTS, storage_error, translated
from collab_storage.sqlite.log import Log
from collab_storage.sqlite.places import Placement
from collab_storage.sqlite.rows import REMOVED, Row, encode_row, removed_row
from collab_storage.sqlite.streams import Stream, find_head, find_stream, insert_stream, save_stream

#: Rows dropped in one transaction, so that a long removal lets commits through.
REMOVAL_ROWS = 500
#: Streams remembered; past this all are forgotten and looked up again.
REMEMBERED_STREAMS = 20_000
#: Rows inserted by one statement without a transaction around it; the statements are kept ready.
STATEMENT_ROWS = 64

#: About what a row takes besides its data.
_ROW_BYTES = 64

_INSERT = "INSERT INTO records (id, stream_id, offset, skipped, kind, time, authors, data, checksum) VALUES "
_INSERT_ONE = _INSERT + "(?,?,?,?,?,?,?,?,?)"
_FIND = (
    "SELECT r.kind, r.time, r.authors, r.data FROM places p JOIN records r ON r.id=p.record_id"
    " WHERE p.stream_id=? AND p.offset=? AND p.offset>?"
)
_FIND_PLACE = (
    "SELECT r.id, r.skipped FROM places p JOIN records r ON r.id=p.record_id"
    " WHERE p.stream_id=? AND p.offset=? AND p.offset>?"
)
_BLANK = "UPDATE records SET kind=?, time=?, authors=?, data=?, checksum=? WHERE id=?"
_BEFORE_FIRST = (
    "SELECT r.offset - r.skipped - 1 FROM places p JOIN records r ON r.id=p.record_id"
    " WHERE p.stream_id=? AND p.offset>? AND r.kind<>? ORDER BY p.offset LIMIT 1"
)
_SOME_PLACES = "SELECT offset, record_id FROM places WHERE stream_id=? AND offset<=? ORDER BY offset LIMIT ?"


@cache
def _insert_rows(count: int) -> str:
    """For rows with successive ids, of which only the first is given."""
    values = (f"(?1+{n},?,?,?,?,?,?,?,?)" for n in range(count))
    return _INSERT + ",".join(values)


class Writer:
    """The one writer of a file. `unusable`: a statement, or copying the log, has failed on its connection."""

    def __init__(self, connection: sqlite3.Connection, *, where: str) -> None:
        self._connection = connection
        self._where = where
        self._streams: dict[tuple[str, str, str], Stream] = {}
        with translated(where):
            self._placement = Placement(connection, where=where)
        #: `log.failed`: the file has to be settled (`log.settle_log`) before it is opened again.
        self.log = Log(JOURNAL, where=where)
        self._changes = connection.total_changes
        self.unusable = False

    def has_recent(self, key: StreamKey) -> bool:
        """Whether the stream may have records that are not in `places`. For any thread."""
        return (key.tenant, key.room, key.stream) in self._placement.names

    def append(self, records: Sequence[Record]) -> None:
        """See `Journal.append`. All may be stored though it raises: append the same again."""
        self._check_usable()
        try:
            if len(self._streams) > REMEMBERED_STREAMS:
                self._forget_streams()
            self._insert(self._rows(records))
        except BaseException as error:
            self._abandon(error)
            raise
        self._copy_log()

    def _copy_log(self) -> None:
        """Copy the log into the file if enough was written. Between transactions."""
        if self.log.is_due:
            try:
                self.log.copy(self._connection)
            except StorageError:
                self.unusable = True
                raise

    def _rows(self, records: Sequence[Record]) -> list[Row]:
        """The rows of those records that are not stored yet. Begins a transaction if a stream is new."""
        rows: list[Row] = []
        names = self._placement.names
        for record in records:
            name = (record.tenant, record.room, record.stream)
            stream = self._streams.get(name) or self._open_stream(record)
            if record.offset > stream.head:
                names.add(name)
                rows.append(encode_row(record, stream_id=stream.id, seed=stream.seed, previous=stream.head))
                stream.head = record.offset
            elif not self._holds(stream, record, rows):
                raise ConflictError.of(record)
        return rows

    def _insert(self, rows: Sequence[Row]) -> None:
        """Insert and commit; in the ordinary case as one statement, which commits itself."""
        connection, placement = self._connection, self._placement
        first_id = placement.take_ids(len(rows))
        size = sum([_ROW_BYTES + len(row[6]) for row in rows])
        # They count by their bytes.
        self._changes += len(rows)
        if len(rows) <= STATEMENT_ROWS and not (connection.in_transaction or placement.is_due):
            if rows:
                connection.execute(_insert_rows(len(rows)), (first_id, *chain.from_iterable(rows)))
                self.log.wrote(size_bytes=size)
            return
        self._begin()
        connection.executemany(_INSERT_ONE, [(first_id + n, *row) for n, row in enumerate(rows)])
        if placement.is_due:
            placement.place()
        self._commit(size_bytes=size)

    def _open_stream(self, record: Record) -> Stream:
        """The stream of a record, made if it is the first one."""
        key = record.key
        check_key(key)
        stream = self._load(key)
        if stream is None:
            self._begin()
            stream = insert_stream(self._connection, key, first=record.offset)
            self._streams[key.tenant, key.room, key.stream] = stream
        return stream

    def _load(self, key: StreamKey) -> Stream | None:
        name = (key.tenant, key.room, key.stream)
        stream = self._streams.get(name)
        if stream is None:
            stream = find_stream(self._connection, key, where=self._where)
            if stream is not None:
                self._place(key)
                find_head(self._connection, stream, placed=None, where=self._where)
                self._streams[name] = stream
        return stream

    def _place(self, key: StreamKey) -> None:
        """See to it that every record of a stream that is in the file is in `places`."""
        if self.has_recent(key):
            self._begin()
            self._placement.place()

    def _holds(self, stream: Stream, record: Record, pending: Sequence[Row]) -> bool:
        """Whether exactly this record is stored, or is in the batch already."""
        content = (int(record.kind), record.time, record.authors, record.data)
        for row in pending:
            if row[:2] == (stream.id, record.offset):
                return row[3:7] == content
        self._place(stream.key)
        found = self._connection.execute(_FIND, (stream.id, record.offset, stream.floor)).fetchone()
        return bool(found == content)

    def remove(self, key: StreamKey, upto: int) -> bool:
        """One step of `Journal.remove`; True if another is needed. The first has the whole effect."""
        with self._transaction():
            stream = self._load(key)
            if stream is None:
                return False
            upto = min(upto, stream.head)
            if upto > stream.floor:
                stream.floor = upto
                save_stream(self._connection, stream)
                self._placement.removed_some = True
            return self._drop_placed(stream.id, upto=stream.floor)

    def _drop_placed(self, stream_id: int, *, upto: int) -> bool:
        """Drop the oldest records of a stream up to an offset; True if there may be more."""
        rows = self._connection.execute(_SOME_PLACES, (stream_id, upto, REMOVAL_ROWS)).fetchall()
        if rows:
            self._connection.executemany("DELETE FROM records WHERE id=?", [(row[1],) for row in rows])
            self._connection.execute(
                "DELETE FROM places WHERE stream_id=? AND offset<=?", (stream_id, rows[-1][0])
            )
        return len(rows) == REMOVAL_ROWS

    def remove_offsets(self, key: StreamKey, offsets: Collection[int]) -> None:
        """See `Journal.remove_offsets`."""
        with self._transaction():
            stream = self._load(key)
            if stream is None:
                return
            self._place(key)
            for offset in sorted(offsets):
                self._blank(stream, offset)
            self._raise_floor(stream)

    def _blank(self, stream: Stream, offset: int) -> None:
        """Empty one row. It stays as a link of the chain until everything before it is gone too."""
        found = self._connection.execute(_FIND_PLACE, (stream.id, offset, stream.floor)).fetchone()
        if found is not None:
            row_id, skipped = found
            blank = removed_row(offset=offset, skipped=skipped, seed=stream.seed)
            self._connection.execute(_BLANK, (*blank, row_id))

    def _raise_floor(self, stream: Stream) -> None:
        """Drop the empty rows at the beginning of a stream."""
        values = (stream.id, stream.floor, REMOVED)
        first = self._connection.execute(_BEFORE_FIRST, values).fetchone()
        floor = stream.head if first is None else first[0]
        if floor > stream.floor:
            stream.floor = floor
            save_stream(self._connection, stream)
            while self._drop_placed(stream.id, upto=floor):
                pass

    def delete_room(self, tenant: str, room: str) -> None:
        """Forget a room; its records are dropped by `purge`."""
        with self._transaction():
            self._placement.place()
            self._connection.execute(
                "INSERT INTO purges (stream_id) SELECT id FROM streams WHERE tenant=? AND room=?",
                (tenant, room),
            )
            self._connection.execute("DELETE FROM streams WHERE tenant=? AND room=?", (tenant, room))
        self._streams = {name: stream for name, stream in self._streams.items() if name[:2] != (tenant, room)}

    def purge(self) -> bool:
        """Drop some records of deleted rooms; True if another step is needed."""
        with self._transaction():
            found = self._connection.execute("SELECT stream_id FROM purges LIMIT 1").fetchone()
            if found is None:
                return False
            if not self._drop_placed(found[0], upto=MAX_OFFSET):
                self._connection.execute("DELETE FROM purges WHERE stream_id=?", found)
            return True

    def finish(self) -> None:
        """Leave the file as it is read fastest and checked most sharply: all placed, all heads written."""
        with self._transaction():
            self._placement.place()
            self._save_heads()

    def _save_heads(self) -> None:
        """Write down how far each stream reaches, so that a lost end is noticed when it is next read."""
        for stream in self._streams.values():
            if stream.head > stream.saved_head:
                save_stream(self._connection, stream)

    def _forget_streams(self) -> None:
        with self._transaction():
            self._save_heads()
        self._streams.clear()

    def _check_usable(self) -> None:
        if self.unusable:
            raise UnavailableError(f"{self._where}: an earlier statement failed on this connection")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._check_usable()
        try:
            self._begin()
            yield
            self._commit()
        except BaseException as error:
            self._abandon(error)
            raise
        self._copy_log()

    def _begin(self) -> None:
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")

    def _commit(self, *, size_bytes: int = 0) -> None:
        self._connection.execute("COMMIT")
        self._placement.settle()
        changes = self._connection.total_changes
        self.log.wrote(rows=changes - self._changes, size_bytes=size_bytes)
        self._changes = changes

    def _abandon(self, error: BaseException) -> None:
        """Undo a transaction. What is remembered may be ahead of the file, so it is forgotten."""
        self._streams.clear()
        self._placement.forget()
        self.unusable = isinstance(error, FAULTS) or not isinstance(error, (ConflictError, ValueError))
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            # Nothing is lost: an unfinished transaction is not in the file, and the connection is given up.
            self.unusable = True
        if isinstance(error, FAULTS):
            raise storage_error(error, where=self._where) from error
