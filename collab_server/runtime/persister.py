"""Makes what rooms hand over durable: one commit for all rooms of an interval, one writer, nothing given up.

Owns grouping, retries and the order of acknowledgements. A failing store stops the acknowledgements and never
the editing; past a bound of unsaved bytes `overloaded` asks the sessions to stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog
from collab_storage import Journal, Record, StorageError, StreamKey

from collab_server.config import StorageSettings
from collab_server.observability.events import Event
from collab_server.observability.metrics import Metrics

_log = structlog.get_logger(__name__)

#: One commit takes no more than this, so that a backlog is saved in steps.
_MAX_COMMIT_BYTES = 8_000_000
_FIRST_RETRY_SECONDS = 0.1


@dataclass(slots=True)
class Removal:
    """Rows of a stream that are not needed once the records handed over with it are durable."""

    key: StreamKey
    offsets: Sequence[int]


@dataclass(slots=True)
class _Write:
    records: Sequence[Record]
    done: Callable[[], None]
    removal: Removal | None
    size_bytes: int


@dataclass(slots=True)
class _Batch:
    writes: list[_Write] = field(default_factory=list)
    size_bytes: int = 0


class Persister:
    """The one writer of the journal."""

    def __init__(self, journal: Journal, settings: StorageSettings, metrics: Metrics) -> None:
        self._journal = journal
        self._settings = settings
        self._metrics = metrics
        self._queue: list[_Write] = []
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False
        self._failures = 0
        self.unsaved_bytes = 0

    @property
    def failing(self) -> bool:
        """Whether the last attempt to save failed."""
        return self._failures > 0

    @property
    def overloaded(self) -> bool:
        """Whether more edits would risk more than the settings allow."""
        return self.unsaved_bytes > self._settings.max_unsaved_bytes

    def submit(
        self, records: Sequence[Record], done: Callable[[], None], *, removal: Removal | None = None
    ) -> None:
        """Queue records for the next commit. `done` is called on the loop once they are durable.

        Calls are acknowledged in their order. Records of one stream come in the order of their offsets.
        """
        size = sum([len(record.data) for record in records])
        self._queue.append(_Write(records, done, removal, size))
        self.unsaved_bytes += size
        self._metrics.unsaved_bytes = self.unsaved_bytes
        self._idle.clear()
        self._wake.set()

    async def run(self) -> None:
        """Commit until `stop`, then what is left."""
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            if not self._queue:
                if self._stopping:
                    return
                self._wake.clear()
                continue
            started = loop.time()
            await self._commit(self._take())
            rest = self._settings.commit_interval_seconds - (loop.time() - started)
            if rest > 0 and not self._stopping:
                await asyncio.sleep(rest)

    def stop(self) -> None:
        """Let `run` end once everything is saved."""
        self._stopping = True
        self._wake.set()

    async def saved(self) -> None:
        """Wait until everything handed over so far is durable; for ever, if the journal fails for ever."""
        await self._idle.wait()

    def _take(self) -> _Batch:
        batch = _Batch()
        for write in self._queue:
            if batch.writes and batch.size_bytes + write.size_bytes > _MAX_COMMIT_BYTES:
                break
            batch.writes.append(write)
            batch.size_bytes += write.size_bytes
        del self._queue[: len(batch.writes)]
        return batch

    async def _commit(self, batch: _Batch) -> None:
        records = [record for write in batch.writes for record in write.records]
        if records:
            await self._append(records)
        self.unsaved_bytes -= batch.size_bytes
        self._metrics.unsaved_bytes = self.unsaved_bytes
        for write in batch.writes:
            write.done()
        for write in batch.writes:
            if write.removal is not None:
                await self._remove(write.removal)
        if not self._queue:
            self._idle.set()

    async def _append(self, records: list[Record]) -> None:
        """Try until it succeeds: the same records again, which the journal takes once."""
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            try:
                await self._journal.append(records)
            except StorageError as error:
                await asyncio.sleep(self._failed(error, len(records)))
            else:
                self._succeeded(loop.time() - started, len(records))
                return

    def _failed(self, error: StorageError, records: int) -> float:
        """Note a failure; seconds until the next attempt."""
        self._failures += 1
        self._metrics.save_failures += 1
        if self._failures == 1:
            _log.error(Event.SAVE_FAILED, error=str(error), records=records, unsaved_bytes=self.unsaved_bytes)
        pause: float = _FIRST_RETRY_SECONDS * 2 ** min(self._failures, 16)
        return min(self._settings.retry_max_seconds, pause)

    def _succeeded(self, seconds: float, records: int) -> None:
        if self._failures:
            _log.info(Event.SAVE_RECOVERED, failures=self._failures, unsaved_bytes=self.unsaved_bytes)
            self._failures = 0
        self._metrics.commits += 1
        self._metrics.records_committed += records
        self._metrics.commit_seconds.observe(seconds)

    async def _remove(self, removal: Removal) -> None:
        try:
            await self._journal.remove_offsets(removal.key, removal.offsets)
        except StorageError as error:
            # Harmless: a row that stays is found to be known when its room is opened, and removed then.
            _log.warning(Event.SAVE_FAILED, room=removal.key.room, error=str(error))
