"""Everything that changes the file of bases: for workers by path, for the server on its own connection.

Synchronous, no event loop. Several processes write; each change is one immediate transaction, so they wait
for each other and never fail for it. What is dropped is gone at once, its bytes step by step (`purge`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from zlib import crc32

from collab_storage.bases import Base, Quarantined, check_base, cut
from collab_storage.records import MAX_OFFSET, check_room
from collab_storage.sqlite.bases_rows import (
    CHUNK_IDS,
    TABLE_NUMBER,
    base_checksum,
    chunk_checksum,
    chunk_id,
    entry_checksum,
    room_checksum,
)
from collab_storage.sqlite.database import (
    BASES,
    Synchronous,
    check_current,
    open_for_reading,
    open_for_writing,
)
from collab_storage.sqlite.faults import translated

#: Chunks dropped in one transaction, so that a long removal lets workers write.
PURGE_CHUNKS = 16

#: What a base takes of the log besides its own bytes: pages of tables and indexes.
BASE_LOG_BYTES = 96 << 10

_INSERT = (
    "INSERT INTO bases (tenant, room, key_checksum, offset, time, size_bytes, table_bytes, checksum, head)"
    " VALUES (?,?,?,?,?,0,?,0,x'')"
)
_FINISH = "UPDATE bases SET size_bytes=?, checksum=?, head=? WHERE id=?"
_INSERT_CHUNK = "INSERT INTO chunks (id, checksum, data) VALUES (?,?,?)"
_INSERT_ENTRY = (
    "INSERT INTO quarantine (tenant, room, offset, time, reason, size_bytes, data_checksum, checksum, data)"
    " VALUES (?,?,?,?,?,?,?,?,?)"
)
_SAME_ENTRY = (
    "SELECT id, time FROM quarantine"
    " WHERE tenant=? AND room=? AND offset=? AND reason=? AND data_checksum=? AND data=?"
)
_WRITTEN = (
    "SELECT coalesce(max(id), ?1), coalesce(sum(size_bytes + table_bytes + ?2), 0) FROM bases WHERE id>?1"
)
_DROP_CHUNKS = (
    "DELETE FROM chunks WHERE id IN (SELECT id FROM chunks WHERE id>=? AND id<? ORDER BY id LIMIT ?)"
)


def write_base(
    path: str | Path,
    *,
    tenant: str,
    room: str,
    offset: int,
    head: bytes,
    table: bytes,
    data: Iterable[bytes],
    time: float,
    synchronous: Synchronous = "full",
) -> Base:
    """Store a base in one transaction and return when it is durable. One of equal offset is replaced.

    `data` comes in pieces of any size. Others wait while it is read, so let it be ready. What it raises
    passes, and nothing is stored then. The file must be there: only `Bases.open` creates it.
    """
    check_base(tenant, room, offset)
    where = str(path)
    with _beside_the_server(Path(path), synchronous) as connection:
        with translated(where):
            _drop_bases(connection, tenant, room, first=offset, last=offset)
            base = _insert(connection, Base(tenant, room, 0, offset, head, 0, len(table), time))
            _insert_chunk(connection, base, TABLE_NUMBER, table)
        for number, piece in enumerate(cut(data), start=TABLE_NUMBER + 1):
            with translated(where):
                _insert_chunk(connection, base, number, piece)
            base = replace(base, size_bytes=base.size_bytes + len(piece))
        with translated(where):
            connection.execute(_FINISH, (base.size_bytes, base_checksum(base), head, base.id))
    return base


def _insert(connection: sqlite3.Connection, base: Base) -> Base:
    """The base with its number. Its row is not whole before the last chunk is known."""
    key = (base.tenant, base.room, room_checksum(base.tenant, base.room))
    cursor = connection.execute(_INSERT, (*key, base.offset, base.time, base.table_bytes))
    assert cursor.lastrowid is not None
    return replace(base, id=cursor.lastrowid)


def _insert_chunk(connection: sqlite3.Connection, base: Base, number: int, data: bytes) -> None:
    checksum = chunk_checksum(base, number, data)
    connection.execute(_INSERT_CHUNK, (chunk_id(base, number), checksum, data))


def quarantine(
    path: str | Path,
    *,
    tenant: str,
    room: str,
    offset: int,
    reason: str,
    data: bytes,
    time: float,
    synchronous: Synchronous = "full",
) -> Quarantined:
    """Keep bytes that could not be used; durable on return. The same again is the entry that is there."""
    check_room(tenant, room)
    entry = Quarantined(tenant, room, 0, offset, reason, len(data), time)
    with _beside_the_server(Path(path), synchronous) as connection, translated(str(path)):
        checksum = crc32(data)
        key = (tenant, room, offset, reason, checksum, data)
        if found := connection.execute(_SAME_ENTRY, key).fetchone():
            return replace(entry, id=found[0], time=found[1])
        values = (tenant, room, offset, time, reason, len(data), checksum)
        cursor = connection.execute(_INSERT_ENTRY, (*values, entry_checksum(entry, checksum), data))
        assert cursor.lastrowid is not None
        return replace(entry, id=cursor.lastrowid)


def drop_older(connection: sqlite3.Connection, *, path: Path, tenant: str, room: str, than: int) -> None:
    """See `Bases.drop_older`; the bytes go with `purge`."""
    with _transaction(connection, path), translated(str(path)):
        _drop_bases(connection, tenant, room, first=0, last=than - 1)


def withdraw_base(path: str | Path, base: Base, *, synchronous: Synchronous = "full") -> None:
    """Drop a base that its writer found to be damaged, before anybody relies on it. Repeatable."""
    with _beside_the_server(Path(path), synchronous) as connection, translated(str(path)):
        _drop_base(connection, base)


def drop_base(connection: sqlite3.Connection, *, path: Path, base: Base) -> None:
    """See `Bases.drop`; the bytes go with `purge`."""
    with _transaction(connection, path), translated(str(path)):
        _drop_base(connection, base)


def delete_room(connection: sqlite3.Connection, *, path: Path, tenant: str, room: str) -> None:
    """See `Bases.delete_room`; the bytes of the bases go with `purge`."""
    with _transaction(connection, path), translated(str(path)):
        _drop_bases(connection, tenant, room, first=0, last=MAX_OFFSET)
        connection.execute("DELETE FROM quarantine WHERE tenant=? AND room=?", (tenant, room))


def _drop_bases(connection: sqlite3.Connection, tenant: str, room: str, *, first: int, last: int) -> None:
    """Forget the bases of a room with offsets from first to last, and note whose chunks are to be dropped."""
    which = (tenant, room, first, last)
    sql = "FROM bases WHERE tenant=? AND room=? AND offset BETWEEN ? AND ?"
    connection.execute(f"INSERT INTO purges (base_id) SELECT id {sql}", which)
    connection.execute(f"DELETE {sql}", which)


def _drop_base(connection: sqlite3.Connection, base: Base) -> None:
    """The same for one, by number: another of equal offset may have taken its place."""
    connection.execute("INSERT INTO purges (base_id) SELECT id FROM bases WHERE id=?", (base.id,))
    connection.execute("DELETE FROM bases WHERE id=?", (base.id,))


def purge(connection: sqlite3.Connection, *, path: Path) -> bool:
    """Drop some chunks of dropped bases; True if another step is needed."""
    with translated(str(path)):
        found = connection.execute("SELECT base_id FROM purges LIMIT 1").fetchone()
    if found is None:
        return False
    with _transaction(connection, path), translated(str(path)):
        first = found[0] * CHUNK_IDS
        cursor = connection.execute(_DROP_CHUNKS, (first, first + CHUNK_IDS, PURGE_CHUNKS))
        if cursor.rowcount < PURGE_CHUNKS:
            connection.execute("DELETE FROM purges WHERE base_id=?", found)
    return True


def last_base(connection: sqlite3.Connection, *, path: Path) -> int:
    """The number of the latest base, 0 if there is none."""
    with translated(str(path)):
        (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM bases").fetchone()
    return int(last)


def written_since(connection: sqlite3.Connection, base_id: int, *, path: Path) -> tuple[int, int]:
    """The number of the latest base, and about how many bytes of log those after `base_id` have taken."""
    with translated(str(path)):
        last, size = connection.execute(_WRITTEN, (base_id, BASE_LOG_BYTES)).fetchone()
    return int(last), int(size)


@contextmanager
def _beside_the_server(path: Path, synchronous: Synchronous) -> Iterator[sqlite3.Connection]:
    """One transaction on a connection of its own, which leaves copying the log to the server."""
    # Should the server be gone, a writer would copy as the last to close, and believe what was copied before.
    with closing(open_for_reading(path, BASES)):
        connection = open_for_writing(path, BASES, synchronous=synchronous, upgrade=False)
        try:
            with _transaction(connection, path):
                yield connection
        finally:
            connection.close()


@contextmanager
def _transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Immediate: one that began with reading could not wait for another writer, only fail."""
    with translated(str(path)):
        connection.execute("BEGIN IMMEDIATE")
    try:
        with translated(str(path)):
            # A server of a later version may have upgraded the file since it was opened.
            check_current(connection, path, BASES)
        yield
        with translated(str(path)):
            connection.execute("COMMIT")
    except BaseException:
        # Of one that has failed SQLite may have undone the transaction itself.
        if connection.in_transaction:
            with translated(str(path)):
                connection.execute("ROLLBACK")
        raise
