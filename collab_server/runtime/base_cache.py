"""Bases in memory, under a budget: read chunk by chunk when a joiner needs one, the least recently used
forgotten.

Owns the reading and the forgetting. Whoever still holds a base that was forgotten may go on using it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from collab_storage import Base as StoredBase
from collab_storage import Bases

from collab_server.observability.labels import MemoryKind
from collab_server.observability.metrics import Metrics
from collab_server.runtime.tasks import TaskOwner
from collab_server.updates import Base, BlockTable


class BaseCache:
    """The bases of all rooms by their number in the store."""

    def __init__(self, bases: Bases, *, budget_bytes: int, metrics: Metrics, tasks: TaskOwner) -> None:
        self._bases = bases
        self._budget = budget_bytes
        self._metrics = metrics
        self._tasks = tasks
        self._cached: OrderedDict[int, Base] = OrderedDict()
        self._reading: dict[int, asyncio.Future[Base]] = {}
        self._size = 0

    def get(self, stored: StoredBase) -> Base | None:
        """A base that is in memory."""
        base = self._cached.get(stored.id)
        if base is not None:
            self._cached.move_to_end(stored.id)
        return base

    async def load(self, stored: StoredBase) -> Base:
        """A base, read once however many ask. Raises StorageError, and InvalidUpdate if its table is none."""
        base = self.get(stored)
        if base is not None:
            return base
        reading = self._reading.get(stored.id)
        if reading is None:
            reading = self._reading[stored.id] = asyncio.get_running_loop().create_future()
            # Whoever asked may be gone before the answer; that is no error.
            reading.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._tasks.start(self._read(stored, reading), name=f"read base {stored.id}")
        return await asyncio.shield(reading)

    async def _read(self, stored: StoredBase, reading: asyncio.Future[Base]) -> None:
        try:
            table = BlockTable.decode(await self._bases.table(stored))
            chunks = [await self._bases.chunk(stored, number) for number in range(stored.chunks)]
        except asyncio.CancelledError:
            reading.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - whoever waits for it handles it
            reading.set_exception(error)
        else:
            base = Base(table, chunks)
            if self._is_wanted(stored.id, reading):
                self._add(stored.id, base)
            reading.set_result(base)
        finally:
            if self._is_wanted(stored.id, reading):
                del self._reading[stored.id]

    def _is_wanted(self, number: int, reading: asyncio.Future[Base]) -> bool:
        """Whether the base was not forgotten while it was read; it may be read anew by now."""
        return self._reading.get(number) is reading

    def _add(self, number: int, base: Base) -> None:
        self._cached[number] = base
        self._size += base.size_bytes
        # The newest stays even if it is over the budget alone: those who wait for it need it now.
        while self._size > self._budget and len(self._cached) > 1:
            self.forget(next(iter(self._cached)))
        self._metrics.memory_bytes[MemoryKind.BASE_CACHE] = self._size

    def forget(self, number: int) -> None:
        """Let go of a base that is not in use any more. One that is being read serves those who wait for it,
        and is not kept.
        """
        self._reading.pop(number, None)
        base = self._cached.pop(number, None)
        if base is not None:
            self._size -= base.size_bytes
            self._metrics.memory_bytes[MemoryKind.BASE_CACHE] = self._size
