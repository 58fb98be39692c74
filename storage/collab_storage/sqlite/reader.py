"""Everything that reads the journal's file. Synchronous; lives on the thread of its connection.

Verifies each row and that none is missing between two others, or at the end as far as the end was written
down.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager

from collab_storage.errors import GoneError, UnreadableError
from collab_storage.records import MAX_OFFSET, Damage, Record, StreamInfo, StreamKey
from collab_storage.sqlite.places import find_placed
from collab_storage.sqlite.rows import CONTENT, REMOVED, StoredRow, damaged, decode_row
from collab_storage.sqlite.snapshot import select_rooms, snapshot
from collab_storage.sqlite.streams import Stream, find_head, find_stream

_PLACED = (
    f"SELECT p.offset, {CONTENT} FROM places p LEFT JOIN records r ON r.id=p.record_id"
    " WHERE p.stream_id=? AND p.offset>? ORDER BY p.offset"
)
_RECENT = (
    f"SELECT r.offset, {CONTENT} FROM records r WHERE r.id>? AND r.stream_id=? AND r.offset>? ORDER BY r.id"
)
_SIZE = (
    "SELECT count(*), coalesce(sum(length(r.authors) + length(r.data)), 0) FROM"
    " (SELECT record_id FROM places WHERE stream_id=?1 AND offset>?2 UNION ALL"
    " SELECT id FROM records WHERE id>?3 AND stream_id=?1 AND offset>?2)"
    " JOIN records r ON r.id=record_id WHERE r.kind<>?4"
)
_ORPHANS = (
    "SELECT DISTINCT stream_id FROM places"
    " WHERE stream_id NOT IN (SELECT id FROM streams) AND stream_id NOT IN (SELECT stream_id FROM purges)"
)
_COUNTS = "SELECT (SELECT count(*) FROM places), (SELECT count(*) FROM records WHERE id<=?)"


class Reader:
    """Reads through one connection; each call sees one moment of the file."""

    def __init__(self, connection: sqlite3.Connection, *, where: str) -> None:
        self._connection = connection
        self._where = where

    def read(self, key: StreamKey, after: int, max_bytes: int, *, recent: bool) -> list[Record]:
        """See `Journal.read`. Records that are not in `places` are looked for if `recent`."""
        with self._snapshot():
            stream = find_stream(self._connection, key, where=self._where)
            if stream is None:
                return []
            return self._page(stream, after, max_bytes, upto=MAX_OFFSET, recent=recent)

    def read_whole(self, key: StreamKey, after: int, upto: int, max_bytes: int) -> list[Record]:
        """As `read`, at least one and none after offset `upto`, where there must be one.

        Raises GoneError if records after `after` may have been removed, UnreadableError if the stream ends
        before `upto`.
        """
        with self._snapshot():
            stream = find_stream(self._connection, key, where=self._where)
            if stream is None or stream.floor > after:
                what = f"what stream {key.stream!r} held after offset {after}"
                raise GoneError(what, where=self._where, tenant=key.tenant, room=key.room)
            page = self._page(stream, after, max_bytes, upto=upto, recent=True)
        if not page:
            raise damaged(key, "the record is missing", where=self._where, offset=upto)
        return page

    def _page(self, stream: Stream, after: int, max_bytes: int, *, upto: int, recent: bool) -> list[Record]:
        page: list[Record] = []
        for found in self._walk(stream, after, recent=recent):
            if isinstance(found, UnreadableError):
                # The offset in a damaged row may be no number.
                if isinstance(found.offset, int) and found.offset > upto:
                    break
                raise found
            if found.offset > upto:
                break
            max_bytes -= found.size_bytes
            if page and max_bytes < 0:
                break
            page.append(found)
        return page

    def _rows(self, stream: Stream, after: int, *, recent: bool) -> Iterator[StoredRow]:
        yield from self._connection.execute(_PLACED, (stream.id, after))
        if recent:
            placed = find_placed(self._connection, where=self._where)
            yield from self._connection.execute(_RECENT, (placed, stream.id, after))

    def _walk(self, stream: Stream, after: int, *, recent: bool) -> Iterator[Record | UnreadableError]:
        """The records after an offset; in place of a damaged or missing one, what is wrong with it."""
        key = stream.key
        last = max(after, stream.floor)
        for row in self._rows(stream, last, recent=recent):
            try:
                record = decode_row(row, key=key, seed=stream.seed, where=self._where)
            except UnreadableError as error:
                yield error
                last = row[0] if isinstance(row[0], int) else last
                continue
            previous = row[0] - row[1] - 1
            if previous > last:
                yield damaged(
                    key, f"the record before {row[0]} is missing", where=self._where, offset=previous
                )
            last = row[0]
            if record is not None:
                yield record
        if last < stream.saved_head:
            yield damaged(key, f"records up to offset {stream.saved_head} are missing", where=self._where)

    def head(self, key: StreamKey, *, recent: bool) -> int | None:
        """See `Journal.head`, and `read`."""
        with self._snapshot():
            stream = find_stream(self._connection, key, where=self._where)
            if stream is None:
                return None
            placed = find_placed(self._connection, where=self._where) if recent else None
            return find_head(self._connection, stream, placed=placed, where=self._where)

    def rooms(self, tenant: str, prefix: str, after: str, limit: int) -> list[str]:
        """See `Journal.rooms`."""
        with self._snapshot():
            return select_rooms(self._connection, "streams", tenant, prefix, after=after, limit=limit)

    def streams(self, tenant: str, room: str) -> list[StreamInfo]:
        """See `Journal.streams`."""
        with self._snapshot():
            names = self._connection.execute(
                "SELECT stream FROM streams WHERE tenant=? AND room=? ORDER BY stream", (tenant, room)
            ).fetchall()
            return [self._info(StreamKey(tenant, room, name)) for (name,) in names]

    def _info(self, key: StreamKey) -> StreamInfo:
        stream = find_stream(self._connection, key, where=self._where)
        if stream is None:
            raise damaged(key, "the stream is in the index alone", where=self._where)
        placed = find_placed(self._connection, where=self._where)
        head = find_head(self._connection, stream, placed=placed, where=self._where)
        values = (stream.id, stream.floor, placed, REMOVED)
        count, size = self._connection.execute(_SIZE, values).fetchone()
        return StreamInfo(stream=key.stream, records=count, size_bytes=size, head=head)

    def verify(self) -> list[Damage]:
        """See `Journal.verify`."""
        damages: list[Damage] = []
        for check in (self._verify_file, self._verify_streams):
            try:
                with self._snapshot():
                    damages.extend(check())
            except UnreadableError as error:
                damages.append(Damage.of(error))
        return damages

    def _verify_file(self) -> Iterator[Damage]:
        for (line,) in self._connection.execute("PRAGMA integrity_check"):
            if line != "ok":
                yield Damage(problem=line, where=self._where)

    def _verify_streams(self) -> Iterator[Damage]:
        for names in self._connection.execute("SELECT tenant, room, stream FROM streams").fetchall():
            try:
                stream = find_stream(self._connection, StreamKey(*names), where=self._where)
                for found in self._walk(stream, -1, recent=True) if stream else ():
                    if isinstance(found, UnreadableError):
                        yield Damage.of(found)
            except UnreadableError as error:
                yield Damage.of(error)
        for (stream_id,) in self._connection.execute(_ORPHANS):
            yield Damage(problem=f"records of stream {stream_id}, which has no entry", where=self._where)
        placed = find_placed(self._connection, where=self._where)
        places, records = self._connection.execute(_COUNTS, (placed,)).fetchone()
        if places != records:
            yield Damage(problem=f"{records} records have {places} places", where=self._where)

    def _snapshot(self) -> AbstractContextManager[None]:
        return snapshot(self._connection, where=self._where)
