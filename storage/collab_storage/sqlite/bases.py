"""`SqliteBases`: the port of bases on one SQLite file beside the journal's.

One thread reads (`reading.py`); each change is on a connection of its own, because changes are rare and have
to wait for workers, which reading never does. What happens there is `bases_reader.py` and `bases_writer.py`.
Owns the changes, one at a time. After each it copies the log (`log.py`), which workers write and never copy.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from collab_storage.bases import Base, Quarantined
from collab_storage.errors import StorageError, UnavailableError
from collab_storage.records import Damage
from collab_storage.sqlite.bases_reader import BasesReader, read_back
from collab_storage.sqlite.bases_verify import verify_bases
from collab_storage.sqlite.bases_writer import (
    delete_room,
    drop_base,
    drop_older,
    last_base,
    purge,
    written_since,
)
from collab_storage.sqlite.database import BASES, Synchronous, open_for_reading, open_for_writing
from collab_storage.sqlite.log import Log
from collab_storage.sqlite.reading import Reading
from collab_storage.sqlite.thread import ConnectionThread


class SqliteBases:
    """Implements `Bases`. One server per file at a time (`lock.DirectoryLock`), and its workers beside it."""

    def __init__(self, path: str | Path, *, synchronous: Synchronous = "full") -> None:
        self._path = Path(path)
        self._where = str(path)
        self._synchronous = synchronous
        self._changing = asyncio.Lock()
        make = partial(BasesReader, where=self._where)
        self._reading = Reading(self._path, BASES, make, restore=self._restore)
        self._log = Log(BASES, where=self._where)
        #: What workers have written up to this base is counted in the log.
        self._counted = 0

    async def open(self) -> None:
        try:
            await self._reading.open(self._reading.restore)
        except BaseException:
            await self._reading.close_reader()
            raise

    async def _restore(self) -> None:
        """Open the reader, after a log that is not known has been settled."""
        async with self._changing:
            if not self._reading.settled:
                await self._reading.settle()
                self._log = Log(BASES, where=self._where)
            if self._reading.current is None:
                async with self._writing(upgrade=True) as (thread, connection):
                    self._counted = await thread.run(last_base, connection, path=self._path)
                    # Before what a full disk may refuse: reading needs no room.
                    await self._reading.open_reader()
                    await self._tidy_up(thread, connection)

    async def close(self) -> None:
        opened = self._reading.opened
        await self._reading.stop()
        async with self._changing:
            await self._reading.close_reader()
            if opened and self._reading.settled:
                await self._put_away()

    async def _put_away(self) -> None:
        """Copy the log and drop it, as the last one to close; if workers have the file open, they go on."""
        try:
            async with self._writing() as (thread, connection):
                await self._tidy_up(thread, connection)
        except StorageError:
            # Everything is safe in the log, which the next start settles.
            pass

    async def newest(self, tenant: str, room: str) -> Base | None:
        thread, reader = await self._reading.reader()
        return await thread.run(reader.newest, tenant, room)

    async def table(self, base: Base) -> bytes:
        thread, reader = await self._reading.reader()
        return await thread.run(reader.table, base)

    async def chunk(self, base: Base, number: int) -> bytes:
        thread, reader = await self._reading.reader()
        return await thread.run(reader.chunk, base, number)

    async def drop_older(self, tenant: str, room: str, *, than: int) -> None:
        await self._change(partial(drop_older, path=self._path, tenant=tenant, room=room, than=than))

    async def check(self, base: Base) -> None:
        """As the port says, on a connection of its own: a large base takes long, and other reads go on."""
        await self._reading.reader()
        await asyncio.to_thread(read_back, self._path, base)

    async def drop(self, base: Base) -> None:
        await self._change(partial(drop_base, path=self._path, base=base))

    async def rooms(self, tenant: str, prefix: str = "", *, after: str = "", limit: int = 1000) -> list[str]:
        thread, reader = await self._reading.reader()
        return await thread.run(reader.rooms, tenant, prefix, after, limit)

    async def quarantined(
        self, tenant: str, room: str, *, after: int = 0, limit: int = 1000
    ) -> list[Quarantined]:
        thread, reader = await self._reading.reader()
        return await thread.run(reader.quarantined, tenant, room, after, limit)

    async def quarantined_data(self, entry: Quarantined) -> bytes:
        thread, reader = await self._reading.reader()
        return await thread.run(reader.quarantined_data, entry)

    async def delete_room(self, tenant: str, room: str) -> None:
        await self._change(partial(delete_room, path=self._path, tenant=tenant, room=room))

    async def _change(self, function: Callable[[sqlite3.Connection], None]) -> None:
        if self._reading.opened and not self._reading.settled:
            await self._reading.restore()
        async with self._changing:
            # Asked for under the lock: after `close` nothing changes the file.
            self._reading.check_open()
            if not self._reading.settled:
                raise UnavailableError(f"{self._where}: the write-ahead log is to be copied anew first")
            async with self._writing() as (thread, connection):
                await thread.run(function, connection)
                await self._tidy_up(thread, connection)

    @asynccontextmanager
    async def _writing(
        self, *, upgrade: bool = False
    ) -> AsyncIterator[tuple[ConnectionThread, sqlite3.Connection]]:
        """A connection for one change. Gives up the reader if the log could not be copied meanwhile."""
        thread = ConnectionThread(
            partial(open_for_writing, self._path, BASES, synchronous=self._synchronous, upgrade=upgrade)
        )
        connection = await thread.start()
        try:
            yield thread, connection
        finally:
            await thread.close()
            if self._log.failed:
                self._reading.settled = False
                # After the other: it could not copy, and what it reads may be lost.
                await self._reading.close_reader()

    async def _tidy_up(self, thread: ConnectionThread, connection: sqlite3.Connection) -> None:
        """Drop the bytes that this change left to drop, or an earlier one, and copy the log if it is due."""
        while await thread.run(purge, connection, path=self._path):
            pass
        # Without a reader this connection is the last to close, and copies everything then.
        if self._reading.current is not None:
            await thread.run(self._copy_log, connection)

    def _copy_log(self, connection: sqlite3.Connection) -> None:
        """Copy the log into the file if this connection and the workers have written enough."""
        self._counted, size = written_since(connection, self._counted, path=self._path)
        self._log.wrote(rows=connection.total_changes, size_bytes=size)
        if self._log.is_due:
            self._log.copy(connection)

    async def verify(self) -> list[Damage]:
        """As the port says, on a connection of its own: it takes long, and other reads go on."""
        await self._reading.reader()
        thread = ConnectionThread(partial(open_for_reading, self._path, BASES))
        connection = await thread.start()
        try:
            return await thread.run(verify_bases, connection, where=self._where)
        finally:
            await thread.close()
