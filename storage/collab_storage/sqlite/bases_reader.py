"""Everything that reads the file of bases. Synchronous; lives on the thread of its connection.

Verifies each row that it gives, and that no base is lost from an index. Each call is one short moment of the
file: workers write meanwhile, and a long one would hold their write-ahead log.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from zlib import crc32

from collab_storage.bases import Base, Quarantined
from collab_storage.errors import GoneError, UnreadableError
from collab_storage.sqlite.bases_rows import (
    BASE_COLUMNS,
    CHUNK_IDS,
    ENTRY_COLUMNS,
    TABLE_NUMBER,
    chunk_id,
    damaged,
    decode_base,
    decode_chunk,
    decode_entry,
    room_checksum,
)
from collab_storage.sqlite.database import BASES, open_for_reading
from collab_storage.sqlite.snapshot import select_rooms, snapshot

_NEWEST = f"SELECT {BASE_COLUMNS} FROM bases WHERE tenant=? AND room=? ORDER BY offset DESC LIMIT 1"
_LATER = "SELECT tenant, room FROM bases INDEXED BY bases_by_key_checksum WHERE key_checksum=? AND offset>?"
_BY_ID = "SELECT tenant, room FROM bases WHERE id=?"
#: Answered from the index of names alone.
_BY_NAME = "SELECT id FROM bases WHERE tenant=? AND room=? AND offset=?"
_ENTRY = f"SELECT {BASE_COLUMNS} FROM bases WHERE id=?"
_COUNT = "SELECT count(*) FROM chunks WHERE id>=? AND id<?"
_ENTRIES = f"SELECT {ENTRY_COLUMNS} FROM quarantine WHERE tenant=? AND room=? AND id>? ORDER BY id LIMIT ?"


class BasesReader:
    """Reads through one connection. The calls are those of the port `Bases`."""

    def __init__(self, connection: sqlite3.Connection, *, where: str) -> None:
        self._connection = connection
        self._where = where

    def newest(self, tenant: str, room: str) -> Base | None:
        with self._snapshot():
            row = self._connection.execute(_NEWEST, (tenant, room)).fetchone()
            self._check_latest(tenant, room, offset=-1 if row is None else row[1])
        return None if row is None else decode_base(row, tenant=tenant, room=room, where=self._where)

    def _check_latest(self, tenant: str, room: str, *, offset: int) -> None:
        """Ask a second index. One flipped byte can hide a base from one, and its room would look empty."""
        for names in self._connection.execute(_LATER, (room_checksum(tenant, room), offset)):
            if names == (tenant, room):
                raise UnreadableError(
                    "a base is lost from the index of rooms", where=self._where, tenant=tenant, room=room
                )

    def table(self, base: Base) -> bytes:
        return self._chunk(base, TABLE_NUMBER, base.table_bytes)

    def chunk(self, base: Base, number: int) -> bytes:
        return self._chunk(base, number + 1, base.chunk_bytes(number))

    def _chunk(self, base: Base, number: int, size_bytes: int) -> bytes:
        with self._snapshot():
            self._check_present(base)
            row = self._connection.execute(
                "SELECT checksum, data FROM chunks WHERE id=?", (chunk_id(base, number),)
            ).fetchone()
        return decode_chunk(row, base, number, size_bytes=size_bytes, where=self._where)

    def _check_present(self, base: Base) -> None:
        """Raises GoneError if the base was dropped, which both the table and the index of names must say."""
        row = self._connection.execute(_BY_ID, (base.id,)).fetchone()
        if row == (base.tenant, base.room):
            return
        named = self._connection.execute(_BY_NAME, (base.tenant, base.room, base.offset)).fetchone()
        if row is not None or named == (base.id,):
            raise damaged(base, "the entry and the index of rooms disagree", where=self._where)
        raise GoneError(f"base {base.id}", where=self._where, tenant=base.tenant, room=base.room)

    def check(self, base: Base) -> None:
        """Read all of a base. Raises UnreadableError if anything is not as it was written, or is too much."""
        with self._snapshot():
            self._check_present(base)
            row = self._connection.execute(_ENTRY, (base.id,)).fetchone()
            bounds = chunk_id(base, 0), chunk_id(base, CHUNK_IDS)
            (rows,) = self._connection.execute(_COUNT, bounds).fetchone()
        if decode_base(row, tenant=base.tenant, room=base.room, where=self._where) != base:
            raise damaged(base, "the entry is not what was written", where=self._where)
        if rows != base.chunks + 1:
            raise damaged(base, f"{base.chunks} chunks and a table have {rows} rows", where=self._where)
        self.table(base)
        for number in range(base.chunks):
            self.chunk(base, number)

    def rooms(self, tenant: str, prefix: str, after: str, limit: int) -> list[str]:
        with self._snapshot():
            return select_rooms(self._connection, "bases", tenant, prefix, after=after, limit=limit)

    def quarantined(self, tenant: str, room: str, after: int, limit: int) -> list[Quarantined]:
        with self._snapshot():
            rows = self._connection.execute(_ENTRIES, (tenant, room, after, limit)).fetchall()
        return [decode_entry(row, tenant=tenant, room=room, where=self._where) for row in rows]

    def quarantined_data(self, entry: Quarantined) -> bytes:
        with self._snapshot():
            row = self._connection.execute(
                "SELECT data_checksum, data FROM quarantine WHERE id=?", (entry.id,)
            ).fetchone()
        if row is None:
            raise GoneError(f"entry {entry.id}", where=self._where, tenant=entry.tenant, room=entry.room)
        checksum, data = row
        if not isinstance(data, bytes) or len(data) != entry.size_bytes or crc32(data) != checksum:
            raise damaged(entry, f"the bytes of entry {entry.id} are damaged", where=self._where)
        return data

    def _snapshot(self) -> AbstractContextManager[None]:
        return snapshot(self._connection, where=self._where)


@contextmanager
def reading_bases(path: str | Path) -> Iterator[BasesReader]:
    """A reader on a connection of its own, for workers. Creates nothing and raises as `Bases` does."""
    connection = open_for_reading(Path(path), BASES)
    try:
        yield BasesReader(connection, where=str(path))
    finally:
        connection.close()


def read_back(path: str | Path, base: Base) -> None:
    """Read a base anew through a new connection, all of it, and compare.

    Raises UnreadableError for anything that is not as it was written, GoneError if the base is not there.
    """
    with reading_bases(path) as reader:
        reader.check(base)
