"""All open rooms of the process: each is opened once, kept while somebody is in it, and unloaded when saved.

Owns the life of a room: opening, open, lingering, unloading, gone. One that cannot be read is refused and
never saved.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from collab_storage import (
    Base,
    Bases,
    Journal,
    Record,
    StorageError,
    StreamKey,
    UnreadableError,
    decode_authors,
)

from collab_server.clock import Clock
from collab_server.errors import InvalidUpdate, RoomUnavailable
from collab_server.observability import Event, get_logger
from collab_server.observability.labels import RoomState
from collab_server.observability.metrics import Metrics
from collab_server.rooms.limits import Pace, RoomLimits
from collab_server.rooms.room import Room
from collab_server.runtime.base_cache import BaseCache
from collab_server.runtime.compactor import Compactor
from collab_server.runtime.persister import Persister
from collab_server.runtime.room_runner import RoomRunner
from collab_server.runtime.slices import Slices
from collab_server.runtime.tasks import TaskOwner
from collab_server.types import DOCUMENT_STREAM, HELD_STREAM, RoomKey
from collab_server.updates import STORED_LIMITS, BaseHead, scan

_log = get_logger(__name__)

#: Those who asked for a room get this long to join it, however short it may linger later.
_FIRST_LINGER_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class RoomPolicy:
    """How every room of this process behaves."""

    limits: RoomLimits
    pace: Pace
    linger_seconds: float


class Registry:
    """Finds or opens rooms by key."""

    def __init__(
        self,
        journal: Journal,
        bases: Bases,
        persister: Persister,
        *,
        cache: BaseCache,
        compactor: Compactor,
        policy: RoomPolicy,
        metrics: Metrics,
        tasks: TaskOwner,
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._bases = bases
        self._cache = cache
        self._compactor = compactor
        self._persister = persister
        self._policy = policy
        self._metrics = metrics
        self._tasks = tasks
        self._clock = clock
        self._rooms: dict[RoomKey, RoomRunner] = {}
        self._opening: dict[RoomKey, asyncio.Future[RoomRunner]] = {}
        self._lingering: dict[RoomKey, asyncio.TimerHandle] = {}
        self._unloading: set[RoomRunner] = set()

    def __iter__(self) -> Iterator[RoomRunner]:
        return iter(list(self._rooms.values()))

    def __len__(self) -> int:
        return len(self._rooms)

    @property
    def opening(self) -> int:
        """Rooms that are being read."""
        return len(self._opening)

    def state_of(self, runner: RoomRunner) -> RoomState:
        """Where an open room stands."""
        if runner.sessions:
            return RoomState.OCCUPIED
        return RoomState.UNLOADING if runner in self._unloading else RoomState.LINGERING

    # --- opening ---

    def get(self, key: RoomKey) -> RoomRunner | None:
        """The runner of a room that is open. Join it before awaiting anything."""
        runner = self._rooms.get(key)
        return None if runner is None or runner.closed else runner

    async def open(self, key: RoomKey) -> RoomRunner:
        """The runner of a room, read from the journal if it is not in memory.

        However many ask at once, it is read once. Raises RoomUnavailable. Join it before awaiting
        anything else: a room without sessions may be unloaded.
        """
        while True:
            runner = self._rooms.get(key)
            if runner is None:
                runner = await asyncio.shield(self._start_opening(key))
            if not runner.closed:
                return runner

    def _start_opening(self, key: RoomKey) -> asyncio.Future[RoomRunner]:
        opening = self._opening.get(key)
        if opening is None:
            opening = asyncio.get_running_loop().create_future()
            # Whoever asked may be gone before the answer; that is no error.
            opening.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._opening[key] = opening
            self._tasks.start(self._open(key, opening), name=f"open {key}")
        return opening

    async def _open(self, key: RoomKey, opening: asyncio.Future[RoomRunner]) -> None:
        try:
            runner = self._add(key, *await self._load(key))
        except (StorageError, InvalidUpdate, RoomUnavailable) as error:
            self._metrics.room_loads_failed += 1
            _log.error(Event.ROOM_LOAD_FAILED, room=str(key), error=str(error))
            opening.set_exception(RoomUnavailable(f"The room {key.room!r} cannot be read right now."))
        except Exception:
            self._metrics.room_loads_failed += 1
            # A mistake of ours: the waiters are told to try again, and the task's end is logged.
            opening.set_exception(RoomUnavailable(f"The room {key.room!r} could not be opened."))
            raise
        except asyncio.CancelledError:
            opening.cancel()
            raise
        else:
            opening.set_result(runner)
        finally:
            del self._opening[key]

    def _add(self, key: RoomKey, room: Room, stored: Base | None, unfinished: bool) -> RoomRunner:
        runner = RoomRunner(
            key,
            room,
            stored=stored,
            bases=self._cache,
            pace=self._policy.pace,
            persister=self._persister,
            metrics=self._metrics,
            tasks=self._tasks,
            clock=self._clock,
            on_empty=self._linger,
            on_lost=self._forget,
            on_saved=self._compactor.consider,
            on_audit=self._compactor.audit,
        )
        self._rooms[key] = runner
        self._metrics.rooms_open = len(self._rooms)
        self._metrics.rooms_loaded += 1
        self._linger(runner, at_least_seconds=_FIRST_LINGER_SECONDS)
        if unfinished:
            cleaning = self._compactor.clean_up(key, room.base_version)
            self._tasks.start(cleaning, name=f"clean up {key}")
        _log.info(Event.ROOM_OPENED, room=str(key), version=room.version, bytes=room.document_bytes)
        return runner

    async def _load(self, key: RoomKey) -> tuple[Room, Base | None, bool]:
        """The room, the base that its tail follows on, of which only the head is read, and whether the
        journal still has records that the base covers.
        """
        held_head = await self._journal.head(StreamKey(key.tenant, key.room, HELD_STREAM)) or 0
        stored, unfinished = await self._base(key)
        if stored is None:
            room = Room(self._policy.limits, held_head=held_head)
        else:
            head = await asyncio.to_thread(_decode, stored.head)
            room = Room(self._policy.limits, base=head, version=stored.offset, held_head=held_head)
        slices = Slices()  # so that a long document does not hold up the other rooms
        async for record in self._records(key, DOCUMENT_STREAM, after=room.version):
            if record.offset > room.version + 1:
                raise RoomUnavailable(f"the base up to record {record.offset - 1} is missing")
            if not room.restore_delta(record.offset, scan(record.data, STORED_LIMITS)):
                raise RoomUnavailable(f"record {record.offset} does not follow from the ones before it")
            await slices.pause()
        last = await self._journal.head(StreamKey(key.tenant, key.room, DOCUMENT_STREAM)) or 0
        if last > room.version:
            raise RoomUnavailable(f"the base up to record {last} is missing")
        now, wall = asyncio.get_running_loop().time(), self._clock.wall()
        async for record in self._records(key, HELD_STREAM):
            age = max(0.0, wall - record.time)
            room.restore_held(
                record.offset,
                scan(record.data, STORED_LIMITS),
                user=next(iter(decode_authors(record.authors)), ""),
                size_bytes=len(record.data),
                now=now,
                expires_at=now + self._policy.limits.held_seconds - age,
            )
            await slices.pause()
        return room, stored, unfinished

    async def _base(self, key: RoomKey) -> tuple[Base | None, bool]:
        """The base that a room goes on from, and whether its compaction was interrupted.

        That is so while the journal has a record that the base covers. Perhaps nobody has read the base back
        then, so it is done here; a damaged one is dropped, since what it was made of is still there.
        """
        while (base := await self._bases.newest(key.tenant, key.room)) is not None:
            stream = StreamKey(key.tenant, key.room, DOCUMENT_STREAM)
            first = await self._journal.read(stream, max_bytes=1)
            if not first or first[0].offset > base.offset:
                return base, False
            try:
                await self._bases.check(base)
            except UnreadableError as error:
                _log.error(Event.BASE_DROPPED, room=str(key), version=base.offset, error=str(error))
                await self._bases.drop(base)
            else:
                return base, True
        return None, False

    async def _records(self, key: RoomKey, stream: str, *, after: int = -1) -> AsyncIterator[Record]:
        stream_key = StreamKey(key.tenant, key.room, stream)
        while page := await self._journal.read(stream_key, after=after):
            for record in page:
                yield record
            after = page[-1].offset

    # --- unloading ---

    def _linger(self, runner: RoomRunner, *, at_least_seconds: float = 0.0) -> None:
        """Called when a room has nobody in it: it stays for a while, because people come back."""
        previous = self._lingering.pop(runner.key, None)
        if previous is not None:
            previous.cancel()
        loop = asyncio.get_running_loop()
        self._lingering[runner.key] = loop.call_later(
            max(self._policy.linger_seconds, at_least_seconds), self._start_unloading, runner
        )

    def _start_unloading(self, runner: RoomRunner) -> None:
        del self._lingering[runner.key]
        # One at a time: while the journal fails, every visit would leave one more behind.
        if not runner.sessions and not runner.closed and runner not in self._unloading:
            self._unloading.add(runner)
            self._tasks.start(self._unload(runner), name=f"unload {runner.key}")

    async def _unload(self, runner: RoomRunner) -> None:
        """Wait until all is saved, look again for somebody who came meanwhile, then forget the room."""
        runner.flush()
        try:
            await runner.wait_saved()
            await self._compactor.before_unload(runner)
            await runner.wait_saved()
        finally:
            self._unloading.discard(runner)
        # Whoever came meanwhile may have left again; then the room lingers anew.
        if runner.sessions or runner.closed or runner.key in self._lingering:
            return
        self._forget(runner)
        _log.info(Event.ROOM_UNLOADED, room=str(runner.key), version=runner.room.version)

    def _forget(self, runner: RoomRunner) -> None:
        lingering = self._lingering.pop(runner.key, None)
        if lingering is not None:
            lingering.cancel()
        runner.close()
        if self._rooms.get(runner.key) is runner:
            del self._rooms[runner.key]
        self._metrics.rooms_open = len(self._rooms)

    # --- the end ---

    def flush(self) -> None:
        """Hand over everything that is pending, the most changed rooms first."""
        for runner in self._most_changed_first():
            runner.flush()

    def _most_changed_first(self) -> list[RoomRunner]:
        return sorted(self, key=lambda runner: runner.unsaved_versions, reverse=True)

    def unsaved(self) -> list[RoomKey]:
        """Rooms with edits that are not durable yet, the most changed first."""
        return [runner.key for runner in self._most_changed_first() if not runner.all_saved]

    def close(self) -> None:
        """Forget all rooms; what was not saved by now is not saved."""
        for runner in self:
            self._forget(runner)


def _decode(head: bytes) -> BaseHead:
    """In a thread: a million ranges take most of a second to be encoded; after that they are kept."""
    decoded = BaseHead.decode(head)
    decoded.deletes.encode()
    return decoded
