"""What the journal and the bases do alike with their file: open it, settle its log, read it, stop.

Owns whether the file is open and its log settled, and the one connection that reads. The store that has it
says how what has failed is restored, because that takes its writer; knows no table and no writer.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from collab_storage.errors import StorageError, UnavailableError
from collab_storage.sqlite.database import FileKind, create_if_absent, open_for_reading
from collab_storage.sqlite.log import settle_log
from collab_storage.sqlite.thread import ConnectionThread
from collab_storage.sqlite.together import Together

R = TypeVar("R")


class Reading(Generic[R]):
    """The reading side of one file. `make` gives the reader of a connection, and runs on the loop.

    `restore` is to settle a log that is not `settled` and to open a reader if there is none.
    """

    def __init__(
        self,
        path: Path,
        kind: FileKind,
        make: Callable[[sqlite3.Connection], R],
        *,
        restore: Callable[[], Coroutine[None, None, None]],
    ) -> None:
        self._path = path
        self._kind = kind
        self._make = make
        self._restoring = Together(restore, name=f"restore {path}")
        self.opened = False
        #: Whether it is known what of the log is in the file; see `log.settle_log`.
        self.settled = False
        #: The reader and its thread. While its log is not settled a file may be read, but not changed.
        self.current: tuple[ConnectionThread, R] | None = None

    async def open(self, tidy_up: Callable[[], Coroutine[None, None, None]]) -> None:
        """Create the file if there is none, and `tidy_up`, which restores. After an error nothing runs, but a
        reader may be open.
        """
        await asyncio.to_thread(create_if_absent, self._path, self._kind)
        self.opened, self.settled = True, False
        try:
            await self._unless_readable(tidy_up)
        except BaseException:
            await self.stop()
            raise

    async def _unless_readable(self, function: Callable[[], Coroutine[None, None, None]]) -> None:
        try:
            await function()
        except UnavailableError:
            # A full disk can still be read from. Whoever writes next is told, and tries this first.
            if self.current is None:
                raise

    async def restore(self) -> None:
        """Done once for all who ask while it runs."""
        await self._restoring.run()

    async def settle(self) -> None:
        """Settle the log; a part of restoring, while no other connection of this process is open.

        Raises UnavailableError. There is a reader all the same if the file can be read.
        """
        await self.close_reader()
        failure = await asyncio.to_thread(settle_log, self._path, self._kind)
        if failure is not None:
            await self.open_reader()
            raise failure
        self.settled = True

    async def open_reader(self) -> None:
        self.current = await self.another()

    async def another(self) -> tuple[ConnectionThread, R]:
        """A further reader, for what takes long; whoever asks for it closes its thread."""
        thread = ConnectionThread(partial(open_for_reading, self._path, self._kind))
        return thread, self._make(await thread.start())

    async def reader(self, *, distrusted: bool = False) -> tuple[ConnectionThread, R]:
        """The reader, which has the file open; restored first if there is none, or it is `distrusted`."""
        if self.opened and (self.current is None or distrusted):
            await self._unless_readable(self.restore)
        self.check_open()
        if self.current is None:
            raise UnavailableError(f"{self._path} is being opened again")
        return self.current

    def check_open(self) -> None:
        if not self.opened:
            raise StorageError(f"{self._path} is not open")

    async def stop(self) -> None:
        """Refuse what comes from now on, and wait for a restoring that runs."""
        self.opened = False
        await self._restoring.finish()

    async def close_reader(self) -> None:
        reader, self.current = self.current, None
        if reader is not None:
            await reader[0].close()
