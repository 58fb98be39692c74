"""`SqliteJournal`: the journal port on one SQLite file.

One thread writes, one reads, so a long read never delays a commit. Owns the connection that writes, and gives
it up when it has failed; `reading.py` has the other. What happens there is `writer.py` and `reader.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TypeVar

from collab_storage.errors import StorageError, UnavailableError, UnreadableError
from collab_storage.journal import DEFAULT_PAGE_BYTES
from collab_storage.records import Damage, Record, StreamInfo, StreamKey
from collab_storage.sqlite.database import JOURNAL, Synchronous, open_for_writing
from collab_storage.sqlite.reader import Reader
from collab_storage.sqlite.reading import Reading
from collab_storage.sqlite.thread import ConnectionThread
from collab_storage.sqlite.writer import Writer

T = TypeVar("T")


class SqliteJournal:
    """Implements `Journal`. One object, and one process, per file at a time; see `lock.DirectoryLock`."""

    def __init__(self, path: str | Path, *, synchronous: Synchronous = "full") -> None:
        self._path = Path(path)
        self._where = str(path)
        self._synchronous = synchronous
        make = partial(Reader, where=self._where)
        self._reading = Reading(self._path, JOURNAL, make, restore=self._restore)
        self._writing: tuple[ConnectionThread, Writer] | None = None

    async def open(self) -> None:
        try:
            await self._reading.open(self._purge)
        except BaseException:
            await self._close_all()
            raise

    async def _restore(self) -> None:
        """Open what is not open, anew what has failed, after a log that is not known has been settled."""
        writing = self._writing
        if writing is not None and writing[1].unusable:
            self._reading.settled &= not writing[1].log.failed
            self._writing = None
            # The reader has the file open: nothing is copied, nor synced through a handle that has failed.
            await writing[0].close()
        if not self._reading.settled:
            await self._reading.settle()
        if self._writing is None:
            self._writing = await self._open_writer()
        if self._reading.current is None:
            await self._reading.open_reader()

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
        await self._reading.stop()
        try:
            if self._writing is not None and not self._writing[1].unusable:
                thread, writer = self._writing
                await thread.run(writer.finish)
        except StorageError:
            # Every record is safe already; the next start only has more to look through.
            pass
        finally:
            await self._close_all()

    async def _close_all(self) -> None:
        """The writer's connection last: closing the last one copies the log and drops it. If something has
        failed, the reader's, which can do neither; the next start does it from the beginning.
        """
        writing, self._writing = self._writing, None
        steps = [self._reading.close_reader]
        if writing is not None:
            steps.insert(0 if writing[1].unusable else 1, writing[0].close)
        async with AsyncExitStack() as stack:
            for step in reversed(steps):
                stack.push_async_callback(step)

    async def _writer(self) -> tuple[ConnectionThread, Writer]:
        """The writing side, on a new connection if the last one failed, and on a log that is known."""
        writing, reading = self._writing, self._reading
        if reading.opened and (writing is None or writing[1].unusable or reading.current is None):
            await reading.restore()
        reading.check_open()
        if self._writing is None:
            raise UnavailableError(f"{self._where} is being opened again")
        return self._writing

    async def _reader(self) -> tuple[ConnectionThread, Reader]:
        """The reading side. After a failed copying it would find pages in the file that may not be there."""
        distrusted = self._writing is not None and self._writing[1].log.failed
        return await self._reading.reader(distrusted=distrusted)

    async def _look(self, function: Callable[[Reader], Callable[..., T]], key: StreamKey, *args: object) -> T:
        """Run a function of the reader; it looks through the newest records if some are of the stream."""
        thread, reader = await self._reader()
        recent = self._writing is None or self._writing[1].has_recent(key)
        try:
            return await thread.run(function(reader), key, *args, recent=recent)
        except UnreadableError:
            if recent:
                raise
        # The stream may have got its first records, or more than were expected, since it was asked for.
        thread, reader = await self._reader()
        return await thread.run(function(reader), key, *args, recent=True)

    async def append(self, records: Sequence[Record]) -> None:
        if records:
            thread, writer = await self._writer()
            await thread.run(writer.append, records)

    async def read(
        self, key: StreamKey, after: int = -1, *, max_bytes: int = DEFAULT_PAGE_BYTES
    ) -> list[Record]:
        return await self._look(lambda reader: reader.read, key, after, max_bytes)

    async def head(self, key: StreamKey) -> int | None:
        return await self._look(lambda reader: reader.head, key)

    async def remove(self, key: StreamKey, *, upto: int) -> None:
        more = True
        while more:
            thread, writer = await self._writer()
            more = await thread.run(writer.remove, key, upto)

    async def remove_offsets(self, key: StreamKey, offsets: Collection[int]) -> None:
        thread, writer = await self._writer()
        await thread.run(writer.remove_offsets, key, offsets)

    async def rooms(self, tenant: str, prefix: str = "", *, after: str = "", limit: int = 1000) -> list[str]:
        thread, reader = await self._reader()
        return await thread.run(reader.rooms, tenant, prefix, after, limit)

    async def streams(self, tenant: str, room: str) -> list[StreamInfo]:
        thread, reader = await self._reader()
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
        await self._reader()
        thread, reader = await self._reading.another()
        try:
            return await thread.run(reader.verify)
        finally:
            await thread.close()
