"""`SqliteBases`: the port of bases on one SQLite file beside the journal's.

Owns the connections: one thread reads; each change is on a connection of its own, because changes are rare
and have to wait for workers, which reading never does. What happens there is `bases_reader.py` and
`bases_writer.py`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path

from collab_storage.bases import Base, Quarantined
from collab_storage.errors import StorageError
from collab_storage.records import Damage
from collab_storage.sqlite.bases_reader import BasesReader, read_back
from collab_storage.sqlite.bases_verify import verify_bases
from collab_storage.sqlite.bases_writer import delete_room, drop_base, drop_older, purge
from collab_storage.sqlite.database import (
    BASES,
    Synchronous,
    create_if_absent,
    open_for_reading,
    open_for_writing,
)
from collab_storage.sqlite.thread import ConnectionThread


class SqliteBases:
    """Implements `Bases`. One server per file at a time (`lock.DirectoryLock`), and its workers beside it."""

    def __init__(self, path: str | Path, *, synchronous: Synchronous = "full") -> None:
        self._path = Path(path)
        self._where = str(path)
        self._synchronous = synchronous
        self._changing = asyncio.Lock()
        self._reading: tuple[ConnectionThread, BasesReader] | None = None

    async def open(self) -> None:
        await asyncio.to_thread(create_if_absent, self._path, BASES)
        await self._write(_nothing, upgrade=True)
        thread = ConnectionThread(partial(open_for_reading, self._path, BASES))
        self._reading = thread, BasesReader(await thread.start(), where=self._where)

    async def close(self) -> None:
        async with self._changing:
            reading, self._reading = self._reading, None
            if reading is not None:
                await reading[0].close()

    async def newest(self, tenant: str, room: str) -> Base | None:
        thread, reader = self._reader()
        return await thread.run(reader.newest, tenant, room)

    async def table(self, base: Base) -> bytes:
        thread, reader = self._reader()
        return await thread.run(reader.table, base)

    async def chunk(self, base: Base, number: int) -> bytes:
        thread, reader = self._reader()
        return await thread.run(reader.chunk, base, number)

    async def drop_older(self, tenant: str, room: str, *, than: int) -> None:
        await self._change(partial(drop_older, path=self._path, tenant=tenant, room=room, than=than))

    async def check(self, base: Base) -> None:
        """As the port says, on a connection of its own: a large base takes long, and other reads go on."""
        self._reader()
        await asyncio.to_thread(read_back, self._path, base)

    async def drop(self, base: Base) -> None:
        await self._change(partial(drop_base, path=self._path, base=base))

    async def rooms(self, tenant: str, prefix: str = "", *, after: str = "", limit: int = 1000) -> list[str]:
        thread, reader = self._reader()
        return await thread.run(reader.rooms, tenant, prefix, after, limit)

    async def quarantined(
        self, tenant: str, room: str, *, after: int = 0, limit: int = 1000
    ) -> list[Quarantined]:
        thread, reader = self._reader()
        return await thread.run(reader.quarantined, tenant, room, after, limit)

    async def quarantined_data(self, entry: Quarantined) -> bytes:
        thread, reader = self._reader()
        return await thread.run(reader.quarantined_data, entry)

    async def delete_room(self, tenant: str, room: str) -> None:
        await self._change(partial(delete_room, path=self._path, tenant=tenant, room=room))

    async def _change(self, function: Callable[[sqlite3.Connection], None]) -> None:
        async with self._changing:
            # Asked for under the lock: after `close` nothing changes the file.
            self._reader()
            await self._write(function, upgrade=False)

    async def _write(self, function: Callable[[sqlite3.Connection], None], *, upgrade: bool) -> None:
        """Run a function, then drop the bytes that it left to drop, or that an earlier one did."""
        thread = ConnectionThread(
            partial(open_for_writing, self._path, BASES, synchronous=self._synchronous, upgrade=upgrade)
        )
        connection = await thread.start()
        try:
            await thread.run(function, connection)
            while await thread.run(purge, connection, path=self._path):
                pass
        finally:
            await thread.close()

    async def verify(self) -> list[Damage]:
        """As the port says, on a connection of its own: it takes long, and other reads go on."""
        self._reader()
        thread = ConnectionThread(partial(open_for_reading, self._path, BASES))
        connection = await thread.start()
        try:
            return await thread.run(verify_bases, connection, where=self._where)
        finally:
            await thread.close()

    def _reader(self) -> tuple[ConnectionThread, BasesReader]:
        if self._reading is None:
            raise StorageError(f"{self._where} is not open")
        return self._reading


def _nothing(connection: sqlite3.Connection) -> None:
    """Opening was all that was wanted."""
