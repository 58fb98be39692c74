"""`SqliteJournal`: the journal port on one SQLite file.

Owns the connections: one thread writes, one reads, so a long read never delays a commit, and gives up a
connection that has failed. What happens on the threads is `writer.py` and `reader.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from collab_storage.errors import StorageError, UnavailableError, UnreadableError
from collab_storage.journal import DEFAULT_PAGE_BYTES
from collab_storage.records import Damage, Record, StreamInfo, StreamKey
from collab_storage.sqlite.database import (
    JOURNAL,
    Synchronous,
    create_if_absent,
    open_for_reading,
    open_for_writing,
)
from collab_storage.sqlite.reader import Reader
from collab_storage.sqlite.thread import ConnectionThread
from collab_storage.sqlite.writer import Writer

T = TypeVar("T")


class SqliteJournal:
    """Implements `Journal`. One object, and one process, per file at a time; see `lock.DirectoryLock`."""

    def __init__(self, path: str | Path, *, synchronous: Synchronous = "full") -> None:
        self._path = Path(path)
        self._where = str(path)
        self._synchronous = synchronous
        self._reopening = asyncio.Lock()
        #: Whether the log that an earlier process left is out of the way; see `database.settle_log`.
        self._settled = False
        self._writing: tuple[ConnectionThread, Writer] | None = None
        self._reading: tuple[ConnectionThread, Reader] | None = None

    async def open(self) -> None:
        await asyncio.to_thread(create_if_absent, self._path, JOURNAL)
        self._settled = False
        try:
            self._writing = await self._open_writer()
            thread = ConnectionThread(partial(open_for_reading, self._path, JOURNAL))
            self._reading = thread, Reader(await thread.start(), where=self._where)
            await self._tidy_up()
        except BaseException:
            await self._close_all()
            raise

    async def _tidy_up(self) -> None:
        try:
            await self._purge()
        except UnavailableError:
            # A full disk can still be read from. Whoever appends next is told, and tries this first.
            pass

    async def _open_writer(self) -> tuple[ConnectionThread, Writer]:
        thread = ConnectionThread(
            partial(open_for_writing, self._path, JOURNAL, synchronous=self._synchronous)
        )
        connection = await thread.start()
        try:
            return thread, await thread.run(Writer, connection, where=self._where)
        except BaseException:
            await thread.close()
            raise

    async def close(self) -> None:
        try:
            if self._writing is not None and self._settled and not self._writing[1].broken:
                thread, writer = self._writing
                await thread.run(writer.finish)
        except StorageError:
            # Every record is safe already; the next start only has more to look through.
            pass
        finally:
            await self._close_all()

    async def _close_all(self) -> None:
        """The writer's connection last: closing the last one empties the write-ahead log into the file."""
        reading, self._reading = self._reading, None
        writing, self._writing = self._writing, None
        try:
            if reading is not None:
                await reading[0].close()
        finally:
            if writing is not None:
                await writing[0].close()

    async def _writer(self) -> tuple[ConnectionThread, Writer]:
        """The writing side, on a new connection if the last one failed, and on a log that is known."""
        writing = self._writing
        if writing is not None and self._settled and not writing[1].broken:
            return writing
        async with self._reopening:
            if self._writing is None:
                raise StorageError(f"{self._where} is not open")
            if self._writing[1].broken:
                await self._writing[0].close()
                self._writing = await self._open_writer()
            if not self._settled:
                thread, writer = self._writing
                await thread.run(writer.settle)
                self._settled = True
            return self._writing

    async def _look(self, function: Callable[..., T], key: StreamKey, *args: object) -> T:
        """Run a function of the reader; it looks through the newest records if some are of the stream."""
        thread, _ = self._reader()
        recent = self._writing is None or self._writing[1].has_recent(key)
        try:
            return await thread.run(function, key, *args, recent=recent)
        except UnreadableError:
            if recent:
                raise
        # The stream may have got its first records, or more than were expected, since it was asked for.
        return await thread.run(function, key, *args, recent=True)

    def _reader(self) -> tuple[ConnectionThread, Reader]:
        if self._reading is None:
            raise StorageError(f"{self._where} is not open")
        return self._reading

    async def append(self, records: Sequence[Record]) -> None:
        if records:
            thread, writer = await self._writer()
            await thread.run(writer.append, records)

    async def read(
        self, key: StreamKey, after: int = -1, *, max_bytes: int = DEFAULT_PAGE_BYTES
    ) -> list[Record]:
        _, reader = self._reader()
        return await self._look(reader.read, key, after, max_bytes)

    async def head(self, key: StreamKey) -> int | None:
        _, reader = self._reader()
        return await self._look(reader.head, key)

    async def remove(self, key: StreamKey, *, upto: int) -> None:
        more = True
        while more:
            thread, writer = await self._writer()
            more = await thread.run(writer.remove, key, upto)

    async def remove_offsets(self, key: StreamKey, offsets: Collection[int]) -> None:
        thread, writer = await self._writer()
        await thread.run(writer.remove_offsets, key, offsets)

    async def rooms(self, tenant: str, prefix: str = "", *, after: str = "", limit: int = 1000) -> list[str]:
        thread, reader = self._reader()
        return await thread.run(reader.rooms, tenant, prefix, after, limit)

    async def streams(self, tenant: str, room: str) -> list[StreamInfo]:
        thread, reader = self._reader()
        return await thread.run(reader.streams, tenant, room)

    async def delete_room(self, tenant: str, room: str) -> None:
        thread, writer = await self._writer()
        await thread.run(writer.delete_room, tenant, room)
        await self._purge()

    async def _purge(self) -> None:
        more = True
        while more:
            thread, writer = await self._writer()
            more = await thread.run(writer.purge)

    async def verify(self) -> list[Damage]:
        """As the port says, on a connection of its own: it takes long, and other reads go on."""
        self._reader()
        thread = ConnectionThread(partial(open_for_reading, self._path, JOURNAL))
        reader = Reader(await thread.start(), where=self._where)
        try:
            return await thread.run(reader.verify)
        finally:
            await thread.close()
