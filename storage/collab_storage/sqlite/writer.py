"""Everything that changes the journal's file. Synchronous; lives on the thread of its connection.

Owns the numbers of streams and their heads, in memory, so that an ordinary commit only inserts. Knows no
event loop.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from collab_storage.errors import ConflictError, UnavailableError
from collab_storage.records import Record, StreamKey, check_key
from collab_storage.sqlite.faults import translated
from collab_storage.sqlite.rows import REMOVED, Row, encode_row, removed_row
from collab_storage.sqlite.streams import Stream, find_head, find_stream, insert_stream, save_stream

#: Rows dropped in one transaction, so that a long removal lets commits through.
REMOVAL_ROWS = 500
#: Streams remembered; past this all are forgotten and looked up again.
REMEMBERED_STREAMS = 20_000

_INSERT = (
    "INSERT INTO records (stream_id, offset, skipped, kind, time, authors, data, checksum)"
    " VALUES (?,?,?,?,?,?,?,?)"
)
_BLANK = "UPDATE records SET kind=?, time=?, authors=?, data=?, checksum=? WHERE stream_id=? AND offset=?"
_BEFORE_FIRST = (
    "SELECT offset - skipped - 1 FROM records WHERE stream_id=? AND offset>? AND kind<>?"
    " ORDER BY offset LIMIT 1"
)


class Writer:
    """The one writer of a file. `broken`: a statement failed, the connection must not be used again."""

    def __init__(self, connection: sqlite3.Connection, *, where: str) -> None:
        self._connection = connection
        self._where = where
        self._streams: dict[tuple[str, str, str], Stream] = {}
        self.broken = False

    def append(self, records: Sequence[Record]) -> None:
        """See `Journal.append`."""
        with self._transaction():
            rows: list[Row] = []
            for record in records:
                stream = self._stream_of(record)
                if record.offset > stream.head:
                    rows.append(
                        encode_row(record, stream_id=stream.id, seed=stream.seed, previous=stream.head)
                    )
                    stream.head = record.offset
                elif not self._holds(stream, record, rows):
                    raise ConflictError.of(record)
            self._connection.executemany(_INSERT, rows)

    def _stream_of(self, record: Record) -> Stream:
        """The stream of a record, made if it is the first one. Inside a transaction."""
        name = (record.tenant, record.room, record.stream)
        stream = self._streams.get(name)
        if stream is None:
            key = record.key
            check_key(key)
            stream = self._load(key) or insert_stream(self._connection, key, first=record.offset)
            self._streams[name] = stream
        return stream

    def _load(self, key: StreamKey) -> Stream | None:
        name = (key.tenant, key.room, key.stream)
        stream = self._streams.get(name)
        if stream is None:
            stream = find_stream(self._connection, key, where=self._where)
            if stream is not None:
                find_head(self._connection, stream, where=self._where)
                self._streams[name] = stream
        return stream

    def _holds(self, stream: Stream, record: Record, pending: Sequence[Row]) -> bool:
        """Whether exactly this record is stored, or is in the batch already."""
        content = (int(record.kind), record.time, record.authors, record.data)
        for row in pending:
            if row[:2] == (stream.id, record.offset):
                return row[3:7] == content
        found = self._connection.execute(
            "SELECT kind, time, authors, data FROM records WHERE stream_id=? AND offset=? AND offset>?",
            (stream.id, record.offset, stream.floor),
        ).fetchone()
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
            return self._drop_rows(stream.id, upto=stream.floor)

    def _drop_rows(self, stream_id: int, *, upto: int) -> bool:
        cursor = self._connection.execute(
            "DELETE FROM records WHERE id IN"
            " (SELECT id FROM records WHERE stream_id=? AND offset<=? ORDER BY offset LIMIT ?)",
            (stream_id, upto, REMOVAL_ROWS),
        )
        return cursor.rowcount == REMOVAL_ROWS

    def remove_offsets(self, key: StreamKey, offsets: Collection[int]) -> None:
        """See `Journal.remove_offsets`."""
        with self._transaction():
            stream = self._load(key)
            if stream is None:
                return
            for offset in sorted(offsets):
                self._blank(stream, offset)
            self._raise_floor(stream)

    def _blank(self, stream: Stream, offset: int) -> None:
        """Empty one row. It stays as a link of the chain until everything before it is gone too."""
        found = self._connection.execute(
            "SELECT skipped FROM records WHERE stream_id=? AND offset=? AND offset>?",
            (stream.id, offset, stream.floor),
        ).fetchone()
        if found is not None:
            self._connection.execute(
                _BLANK,
                (*removed_row(offset=offset, skipped=found[0], seed=stream.seed), stream.id, offset),
            )

    def _raise_floor(self, stream: Stream) -> None:
        first = self._connection.execute(_BEFORE_FIRST, (stream.id, stream.floor, REMOVED)).fetchone()
        floor = stream.head if first is None else first[0]
        if floor > stream.floor:
            stream.floor = floor
            save_stream(self._connection, stream)
            self._connection.execute(
                "DELETE FROM records WHERE stream_id=? AND offset<=?", (stream.id, floor)
            )

    def delete_room(self, tenant: str, room: str) -> None:
        """Forget a room; its records are dropped by `purge`."""
        with self._transaction():
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
            if not self._drop_rows(found[0], upto=(1 << 63) - 1):
                self._connection.execute("DELETE FROM purges WHERE stream_id=?", found)
            return True

    def save_heads(self) -> None:
        """Write down how far each stream reaches, so that a lost end is noticed when it is next read."""
        with self._transaction():
            for stream in self._streams.values():
                if stream.head > stream.saved_head:
                    save_stream(self._connection, stream)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        if self.broken:
            raise UnavailableError(f"{self._where}: an earlier statement failed on this connection")
        try:
            with translated(self._where):
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._connection.execute("COMMIT")
        except BaseException as error:
            self._abandon(error)
            raise

    def _abandon(self, error: BaseException) -> None:
        """Undo a transaction. What is in memory may be ahead of the file, so it is forgotten."""
        self._streams.clear()
        self.broken = not isinstance(error, (ConflictError, ValueError))
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            # Nothing is lost: an unfinished transaction is not in the file, and the connection is given up.
            self.broken = True
