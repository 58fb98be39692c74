"""Looks at all rooms and sessions when somebody asks: memory by kind, who waits, which rooms are busiest.

Owns the counting, in short steps, so that ten thousand sessions do not hold up the loop. Nothing of it costs
anything between two questions. Reads only; what it says may be a few milliseconds old.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection
from dataclasses import dataclass

from collab_server.clock import Clock
from collab_server.observability.labels import MemoryKind, RoomState, Waiting
from collab_server.observability.metrics import Labelled, Metrics
from collab_server.runtime.registry import Registry
from collab_server.runtime.room_runner import RoomRunner
from collab_server.runtime.session import Session
from collab_server.runtime.slices import Slices
from collab_server.types import RoomKey, RoomOrder

_ROOM_KINDS = (MemoryKind.INDEX, MemoryKind.TAIL, MemoryKind.HELD, MemoryKind.ANSWERS)


@dataclass(frozen=True, slots=True)
class RoomFacts:
    """One room as it is now. `edits` and `version` only grow while it is open; `recent_edits` are those of
    the last five to ten seconds. `base_age_seconds` is None without a base.
    """

    key: RoomKey
    state: RoomState
    sessions: int
    behind: int
    waiting: int
    document_bytes: int
    tail_bytes: int
    memory_bytes: int
    edits: int
    recent_edits: int
    version: int
    unsaved_versions: int
    base_age_seconds: float | None


class Census:
    """Counts on demand. `sessions` are all of the process, those that are not in a room yet included."""

    def __init__(
        self,
        registry: Registry,
        sessions: Callable[[], Collection[Session]],
        *,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._sessions = sessions
        self._metrics = metrics
        self._clock = clock

    async def fill_metrics(self) -> None:
        """Bring the gauges up to date that nobody keeps while things happen."""
        memory = Labelled(dict.fromkeys(_ROOM_KINDS, 0))
        states = Labelled(dict.fromkeys(RoomState, 0))
        waiting = Labelled(dict.fromkeys(Waiting, 0))
        behind = 0
        slices = Slices()
        for runner in self._registry:
            _add_memory(memory, runner)
            states[self._registry.state_of(runner)] += 1
            for what, count in runner.waiting():
                waiting[what] += count
            behind += runner.readers.behind
            await slices.pause()
        states[RoomState.OPENING] = self._registry.opening
        memory[MemoryKind.OUTBOUND] = await self._outbound()
        self._metrics.memory_bytes.update(memory)
        self._metrics.rooms.update(states)
        self._metrics.sessions_waiting.update(waiting)
        self._metrics.sessions_behind = behind

    async def _outbound(self) -> int:
        size = 0
        slices = Slices()
        for session in list(self._sessions()):
            size += session.connection.buffered
            await slices.pause()
        return size

    async def busiest(self, order: RoomOrder, limit: int) -> list[RoomFacts]:
        """At most `limit` rooms, those with most of it first."""
        key = _KEYS[order]
        # Two numbers each, because a number of ours keeps rooms with equal ones from being compared.
        ranked: list[tuple[float, int, RoomRunner]] = []
        slices = Slices()
        for number, runner in enumerate(self._registry):
            entry = key(runner), number, runner
            if len(ranked) < limit:
                heapq.heappush(ranked, entry)
            else:
                heapq.heappushpop(ranked, entry)
            await slices.pause()
        return [self._facts(runner) for _, _, runner in sorted(ranked, reverse=True)]

    def _facts(self, runner: RoomRunner) -> RoomFacts:
        room, stored = runner.room, runner.readers.stored
        return RoomFacts(
            key=runner.key,
            state=self._registry.state_of(runner),
            sessions=len(runner.sessions),
            behind=runner.readers.behind,
            waiting=sum(count for _, count in runner.waiting()),
            document_bytes=room.document_bytes,
            tail_bytes=room.tail_bytes,
            memory_bytes=_memory(runner),
            edits=runner.activity.edits,
            recent_edits=runner.activity.recent,
            version=room.version,
            unsaved_versions=runner.unsaved_versions,
            base_age_seconds=None if stored is None else max(0.0, self._clock.wall() - stored.time),
        )


def _add_memory(memory: Labelled, runner: RoomRunner) -> None:
    of_room = runner.room.memory
    memory[MemoryKind.INDEX] += of_room.index + runner.readers.index_bytes
    memory[MemoryKind.TAIL] += of_room.tail
    memory[MemoryKind.HELD] += of_room.held
    memory[MemoryKind.ANSWERS] += runner.readers.answer_bytes


def _memory(runner: RoomRunner) -> int:
    return runner.room.memory.total + runner.readers.index_bytes + runner.readers.answer_bytes


_KEYS: dict[RoomOrder, Callable[[RoomRunner], float]] = {
    RoomOrder.BYTES: _memory,
    RoomOrder.SESSIONS: lambda runner: len(runner.sessions),
    RoomOrder.EDITS: lambda runner: runner.activity.recent,
}
