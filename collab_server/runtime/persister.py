"""Makes what rooms hand over durable: one commit for all rooms of an interval, one writer, nothing given up.

Owns grouping, retries and the order of acknowledgements. A failing store stops the acknowledgements and never
the editing; past a bound of unsaved bytes `overloaded` asks the sessions to stop. Records that the journal
will never take concern their room alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeGuard

from collab_storage import (
    ConflictError,
    Journal,
    Record,
    StorageError,
    StreamKey,
    UnavailableError,
    UnreadableError,
)

from collab_server.config import StorageSettings
from collab_server.observability import Event, get_logger
from collab_server.observability.metrics import Metrics

_log = get_logger(__name__)

#: One commit takes no more than this, so that a backlog is saved in steps.
_MAX_COMMIT_BYTES = 8_000_000
_FIRST_RETRY_SECONDS = 0.1
#: A disk can also hang: after this long without an answer it counts as failing, so nobody new is sent here.
_SILENT_SECONDS = 3.0


class Owner(Protocol):
    """Whose records they are. Called on the loop."""

    #: Nothing more of it is to be written.
    lost: bool

    def saved(self, version: int) -> None:
        """The records submitted with `version`, and all before them, are durable."""

    def save_failed(self, error: StorageError) -> None:
        """The journal will never take its records. `lost` is set."""


@dataclass(frozen=True, slots=True)
class Removal:
    """Rows of a stream that are not needed once the records handed over with it are durable."""

    key: StreamKey
    offsets: Sequence[int]


@dataclass(frozen=True, slots=True)
class _Write:
    owner: Owner
    records: Sequence[Record]
    version: int
    removal: Removal | None
    size_bytes: int


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
        self._failures = 0
        self._cleanups_failing = False
        self.unsaved_bytes = 0

    @property
    def failing(self) -> bool:
        """Whether the last attempt to save failed, or does not end."""
        return self._failures > 0

    @property
    def overloaded(self) -> bool:
        """Whether more edits would risk more than the settings allow."""
        return self.unsaved_bytes > self._settings.max_unsaved_bytes

    def submit(
        self, owner: Owner, records: Sequence[Record], *, version: int, removal: Removal | None = None
    ) -> None:
        """Queue records for the next commit; `owner.saved(version)` is called once they are durable.

        Calls are acknowledged in their order. Records of one stream come in the order of their offsets.
        """
        size = sum([len(record.data) for record in records])
        self._queue.append(_Write(owner, records, version, removal, size))
        self._count_unsaved(size)
        self._idle.clear()
        self._wake.set()

    async def run(self) -> None:
        """Commit what comes, until cancelled; see `saved` for a moment to do that."""
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            started = loop.time()
            batch = self._take()
            await self._commit(batch)
            self._count_unsaved(-sum([write.size_bytes for write in batch]))
            if not self._queue:
                self._wake.clear()
                self._idle.set()
            await asyncio.sleep(self._settings.commit_interval_seconds - (loop.time() - started))

    async def saved(self) -> None:
        """Wait until everything handed over is durable; for ever, if the journal fails for ever."""
        await self._idle.wait()

    def _count_unsaved(self, bytes_more: int) -> None:
        self.unsaved_bytes += bytes_more
        self._metrics.unsaved_bytes = self.unsaved_bytes

    def _take(self) -> list[_Write]:
        batch: list[_Write] = []
        size = 0
        for write in self._queue:
            size += write.size_bytes
            if batch and size > _MAX_COMMIT_BYTES:
                break
            batch.append(write)
        del self._queue[: len(batch)]
        return batch

    async def _commit(self, batch: Sequence[_Write]) -> None:
        """Save a batch, or as much of it as the journal will ever take."""
        writes = [write for write in batch if not write.owner.lost]
        error = await self._append([record for write in writes for record in write.records])
        if error is None:
            for write in writes:
                self._acknowledge(write)
            for write in writes:
                if write.removal is not None:
                    await self._remove(write.removal)
        elif len(writes) == 1:
            self._give_up(writes[0], error)
        else:
            for write in writes:
                await self._commit([write])

    def _acknowledge(self, write: _Write) -> None:
        try:
            write.owner.saved(write.version)
        except Exception:  # noqa: BLE001
            # The records are safe; a mistake in telling so must not end the one writer of all rooms.
            _log.exception(Event.TASK_FAILED, task="acknowledge")

    def _give_up(self, write: _Write, error: StorageError) -> None:
        write.owner.lost = True
        try:
            write.owner.save_failed(error)
        except Exception:  # noqa: BLE001 - as above
            _log.exception(Event.TASK_FAILED, task="give up")

    async def _append(self, records: list[Record]) -> StorageError | None:
        """Try until it succeeds: the same records again, which the journal takes once.

        An error is returned if trying again is of no use.
        """
        loop = asyncio.get_running_loop()
        while records:
            started = loop.time()
            try:
                with self._watched(len(records)):
                    await self._journal.append(records)
            except Exception as error:  # noqa: BLE001 - also what no store should raise is tried again
                if _is_final(error):
                    return error
                await asyncio.sleep(self._failed(error, len(records)))
            else:
                self._succeeded(loop.time() - started, len(records))
                break
        return None

    @contextmanager
    def _watched(self, records: int) -> Iterator[None]:
        silence = asyncio.get_running_loop().call_later(_SILENT_SECONDS, self._is_silent, records)
        try:
            yield
        finally:
            silence.cancel()

    def _is_silent(self, records: int) -> None:
        """The journal has not answered, and may yet: the attempt is waited for, however long."""
        self._failed(UnavailableError(f"no answer from the journal for {_SILENT_SECONDS:g} s"), records)

    def _failed(self, error: Exception, records: int) -> float:
        """Note a failure; seconds until the next attempt."""
        self._failures += 1
        self._metrics.save_failures += 1
        if self._failures == 1:
            unexpected = None if isinstance(error, StorageError) else error
            _log.error(
                Event.SAVE_FAILED,
                error=str(error),
                records=records,
                unsaved_bytes=self.unsaved_bytes,
                exc_info=unexpected,
            )
        pause: float = _FIRST_RETRY_SECONDS * 2 ** min(self._failures - 1, 16)
        return min(self._settings.retry_max_seconds, pause)

    def _succeeded(self, seconds: float, records: int) -> None:
        self._recovered()
        self._metrics.commits += 1
        self._metrics.records_committed += records
        self._metrics.commit_seconds.observe(seconds)

    def _recovered(self) -> None:
        if self._failures:
            _log.info(Event.SAVE_RECOVERED, failures=self._failures, unsaved_bytes=self.unsaved_bytes)
            self._failures = 0

    async def _remove(self, removal: Removal) -> None:
        try:
            with self._watched(0):
                await self._journal.remove_offsets(removal.key, removal.offsets)
        except Exception as error:  # noqa: BLE001 - nothing may end the one writer of all rooms
            self._cleanup_failed(removal, error)
        else:
            self._cleanups_failing = False
        # It has answered, if it was silent: perhaps no commit comes that would say so.
        self._recovered()

    def _cleanup_failed(self, removal: Removal, error: Exception) -> None:
        """Harmless: a row that stays is found to be known when its room is opened, and removed then."""
        self._metrics.cleanups_failed += 1
        if not self._cleanups_failing:
            self._cleanups_failing = True
            unexpected = None if isinstance(error, StorageError) else error
            _log.warning(Event.CLEANUP_FAILED, room=removal.key.room, error=str(error), exc_info=unexpected)


def _is_final(error: Exception) -> TypeGuard[StorageError]:
    """Whether the journal will say the same again, of one room: damage that names it, a taken offset."""
    return isinstance(error, ConflictError) or (isinstance(error, UnreadableError) and error.room is not None)
