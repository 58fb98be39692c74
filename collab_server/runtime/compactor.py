"""Makes the tails of rooms part of their bases, in a worker, while everybody goes on editing.

Owns when it is worth it, the order of the steps, and what follows a failure. How a base is made is the
worker's; a base is taken only if it has exactly what the room had. Order: the worker has written and read
back the base, the room takes it, and only then go the rows of the journal that it covers; killed at any
point, the next start finds everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from collab_storage import Base, Bases, Journal, StorageError, StreamKey

from collab_server.errors import InvalidUpdate
from collab_server.observability import Event, get_logger
from collab_server.observability.metrics import Metrics
from collab_server.rooms.outcomes import Snapshot
from collab_server.rooms.room import Room
from collab_server.runtime.base_cache import BaseCache
from collab_server.runtime.offenders import NotFound, Offender, Search
from collab_server.runtime.room_runner import RoomRunner
from collab_server.runtime.tasks import TaskOwner
from collab_server.runtime.turns import Turns
from collab_server.types import DOCUMENT_STREAM, RoomKey
from collab_server.updates import BaseHead, Index

_log = get_logger(__name__)

#: Compactions under way, of which the lane does one; beside them those that somebody waits for.
_AT_ONCE = 8
#: Rooms whose failures are remembered, a few hundred bytes each; of one more the oldest is forgotten.
_FAILURES_KEPT = 4096
#: Until a compaction is tried again for which no worker had a place.
_LOAD_PAUSE_SECONDS = 2.0

#: Writes the base of a room as it was at a version, from so many bytes; raises CompactionError.
Compact = Callable[[RoomKey, int, int], Awaitable[None]]


class CompactionError(Exception):
    """No base was made, or not the one that was wanted. Nothing is lost: the journal has everything.

    `by_content` says that what was read may be at fault, `by_load` that it was not even tried.
    """

    def __init__(self, text: str, *, by_content: bool = False, by_load: bool = False) -> None:
        super().__init__(text)
        self.by_content = by_content
        self.by_load = by_load


class Repair(Protocol):
    """What can be done about a document that cannot be compacted. Raises CompactionError."""

    async def without(self, offenders: Sequence[Offender], key: RoomKey, upto: int, size_bytes: int) -> None:
        """As `Compact`, without the content of these structs. Their rows go into quarantine."""

    async def passes(
        self, offenders: Sequence[Offender], key: RoomKey, upto: int, size_bytes: int, *, alone: bool
    ) -> bool:
        """Whether that would succeed; `alone` leaves only the types of all rows but the last."""


@dataclass(frozen=True, slots=True)
class CompactionPolicy:
    """When a tail is worth a compaction.

    At `tail_bytes`, or at `base_share` of the base if that is more: the work grows with the base. A room
    that is about to be unloaded is compacted at `unload_share` of that, since its next opening reads the
    tail.
    """

    tail_bytes: int
    base_share: float = 0.25
    unaudited_depth: int = 250
    unload_share: float = 0.0625
    retry_seconds: float = 60.0
    retry_max_seconds: float = 3600.0

    def is_due(self, room: Room, *, unloading: bool = False) -> bool:
        if room.unaudited_depth >= self.unaudited_depth:
            return True
        least = max(self.tail_bytes, room.base_bytes * self.base_share)
        return room.tail_bytes >= least * (self.unload_share if unloading else 1.0)


class Compactor:
    """One for the process; a room is compacted by one at a time."""

    def __init__(
        self,
        compact: Compact,
        *,
        bases: Bases,
        cache: BaseCache,
        journal: Journal,
        policy: CompactionPolicy,
        metrics: Metrics,
        tasks: TaskOwner,
        repair: Repair | None = None,
    ) -> None:
        self._repair = repair
        self._compact = compact
        self._bases = bases
        self._cache = cache
        self._journal = journal
        self._policy = policy
        self._metrics = metrics
        self._tasks = tasks
        self._running: dict[RoomRunner, asyncio.Task[None]] = {}
        self._turns: Turns[RoomRunner] = Turns(_AT_ONCE)
        #: Per room the failures in a row and the loop time before which it is not tried again; latest last.
        self._failures: dict[RoomKey, tuple[int, float]] = {}

    def consider(self, runner: RoomRunner) -> None:
        """Start compacting if it is worth it. Called after each commit of a room."""
        if self._policy.is_due(runner.room) and not runner.closed:
            self._start(runner)

    async def before_unload(self, runner: RoomRunner) -> None:
        """Finish what runs, and compact once more if the next opening is worth it."""
        if runner not in self._running and self._policy.is_due(runner.room, unloading=True):
            self._start(runner)
        running = self._running.get(runner)
        if running is not None:
            # Waited for without taking part in its end.
            await asyncio.wait([running])

    def audit(self, runner: RoomRunner) -> None:
        """Compact at once: somebody waits for it. Within the pause after a failure they are told at once that
        it fails: they may come back as often as they like, and there is one lane for all rooms.
        """
        if runner in self._running:
            self._turns.hurry(runner)
        elif self._may_try(runner.key):
            self._run_now(runner, self._attempt)
        else:
            runner.compacted(successfully=False)

    def _start(self, runner: RoomRunner) -> None:
        if runner not in self._running and self._may_try(runner.key):
            self._run_now(runner, self._in_turn)

    def _may_try(self, key: RoomKey) -> bool:
        _, not_before = self._failures.get(key, (0, 0.0))
        return asyncio.get_running_loop().time() >= not_before

    async def _in_turn(self, runner: RoomRunner) -> None:
        """When a school's day ends a thousand rooms come at once; the queue of the workers is shorter."""
        async with self._turns.of(runner):
            await self._attempt(runner)

    def _run_now(self, runner: RoomRunner, work: Callable[[RoomRunner], Awaitable[None]]) -> None:
        self._running[runner] = self._tasks.start(self._run(runner, work), name=f"compact {runner.key}")

    async def _run(self, runner: RoomRunner, work: Callable[[RoomRunner], Awaitable[None]]) -> None:
        done = False
        try:
            await work(runner)
            self._failures.pop(runner.key, None)
            done = True
        except (CompactionError, StorageError, InvalidUpdate) as error:
            self._failed(runner.key, error)
        except Exception as error:
            # A mistake of ours: the task's end is logged, and it is not made again with each commit.
            self._failed(runner.key, error)
            raise
        finally:
            del self._running[runner]
            runner.compacted(successfully=done)

    async def _attempt(self, runner: RoomRunner) -> None:
        started = asyncio.get_running_loop().time()
        snapshot = await runner.snapshot()
        if runner.lost:
            return
        try:
            await self._compact(runner.key, snapshot.version, runner.room.document_bytes)
        except CompactionError as error:
            if not error.by_content or self._repair is None:
                raise
            snapshot = await self._compact_without_offenders(runner, self._repair, snapshot, error)
        version = snapshot.version
        base = await self._bases.newest(runner.key.tenant, runner.key.room)
        if base is None or base.offset != version:
            raise CompactionError(f"the worker made no base of version {version}")
        head = await self._head(base, snapshot.index)
        if runner.lost:
            return
        if (former := runner.readers.stored) is not None:
            self._cache.forget(former.id)
        runner.rebase(base, head, snapshot)
        self._metrics.compactions += 1
        self._metrics.compaction_seconds.observe(asyncio.get_running_loop().time() - started)
        await self.clean_up(runner.key, version)
        _log.info(
            Event.ROOM_COMPACTED,
            room=str(runner.key),
            version=version,
            bytes=base.size_bytes,
            structs=head.structs,
        )

    async def _compact_without_offenders(
        self, runner: RoomRunner, repair: Repair, snapshot: Snapshot, error: CompactionError
    ) -> Snapshot:
        """Find the structs that the compaction failed on, delete their content for everybody as an edit of
        the room, and compact without it. So the room, its clients and the base agree. What the room had then.
        """
        key, upto, size = runner.key, snapshot.version, runner.room.document_bytes

        async def trial(upto: int, offenders: Sequence[Offender], *, alone: bool = False) -> bool:
            return await repair.passes(offenders, key, upto, size, alone=alone)

        stream = StreamKey(key.tenant, key.room, DOCUMENT_STREAM)
        after = runner.room.base_version
        try:
            found = await Search(trial, self._journal, stream, after=after, upto=upto).run()
        except NotFound as nothing:
            raise CompactionError(f"{error}; {nothing}") from error
        if not found or runner.lost or runner.closed:
            raise error
        runner.delete([offender.clocks for offender in found])
        snapshot = await runner.snapshot()
        await repair.without(found, key, snapshot.version, size)
        self._metrics.structs_quarantined += len(found)
        _log.error(
            Event.STRUCTS_QUARANTINED,
            room=str(key),
            offsets=sorted({offender.offset for offender in found}),
            structs=len(found),
            cause=str(error),
        )
        return snapshot

    async def _head(self, base: Base, index: Index) -> BaseHead:
        """The head of a base that the room may take. Raises CompactionError."""
        try:
            return await asyncio.to_thread(_checked, base, index)
        except (CompactionError, InvalidUpdate):
            # The next start would take it for the newest.
            await self._bases.drop(base)
            raise

    async def clean_up(self, key: RoomKey, version: int) -> None:
        """Drop what the base of a version made superfluous. Failing costs room on the disk, nothing else:
        the next compaction or the next opening of the room does it again.
        """
        try:
            await self._journal.remove(StreamKey(key.tenant, key.room, DOCUMENT_STREAM), upto=version)
            await self._bases.drop_older(key.tenant, key.room, than=version)
        except StorageError as error:
            self._metrics.cleanups_failed += 1
            _log.warning(Event.CLEANUP_FAILED, room=str(key), version=version, error=str(error))

    def _failed(self, key: RoomKey, error: Exception) -> None:
        failures, _ = self._failures.pop(key, (0, 0.0))
        if isinstance(error, CompactionError) and error.by_load:
            # Of the room it says nothing, and whoever waits for its audit is sent away meanwhile.
            pause = _LOAD_PAUSE_SECONDS
        else:
            pause = min(self._policy.retry_max_seconds, self._policy.retry_seconds * 2 ** min(failures, 16))
            failures += 1
        self._failures[key] = failures, asyncio.get_running_loop().time() + pause
        if len(self._failures) > _FAILURES_KEPT:
            del self._failures[next(iter(self._failures))]
        self._metrics.compactions_failed += 1
        _log.error(Event.COMPACTION_FAILED, room=str(key), error=str(error), retry_seconds=round(pause))


def _checked(base: Base, index: Index) -> BaseHead:
    """The head of a base that has exactly what the room had. In a thread: it is as long as the deletions
    are many.
    """
    head = BaseHead.decode(base.head)
    if head.state != index.state:
        raise CompactionError("the base has other clocks than the room")
    if head.deletes != index.deletes:
        raise CompactionError("the base has other deletions than the room")
    return head
