"""Which structs of an update can go now: struct by struct, each after all that it names.

Owns the order; changes clocks alone and cuts nothing. Linear in the update but for a heap of waiting clients:
two clients with thousands of interlocked structs take one step for each lock.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from heapq import heappop, heappush

from collab_server.types import StateVector
from collab_server.updates.run import Run, Wait
from collab_server.updates.trim import locate


class _Queue:
    """The runs of one client by clock, and how far they were looked at."""

    __slots__ = ("run", "runs", "wait")

    def __init__(self, runs: list[Run]) -> None:
        runs.sort(key=lambda run: run.clock)
        self.runs = runs
        self.run = 0
        self.wait = 0


class Acceptance:
    """One pass over the runs of an update. `advance` moves `state` to what is complete."""

    def __init__(self, runs: Iterable[Run], state: StateVector) -> None:
        self._state = state
        self.queues: dict[int, list[Run]] = {}
        for run in runs:
            self.queues.setdefault(run.client, []).append(run)
        self._queues = {client: _Queue(found) for client, found in self.queues.items()}
        # Per client that others wait for: (end that is needed, who waits), lowest first.
        self._waiting: dict[int, list[tuple[int, int]]] = {}

    def advance(self) -> None:
        ready = list(self._queues)
        while ready:
            client = ready.pop()
            before = self._state.get(client, 0)
            position = self._walk(client, before)
            if position > before:
                self._state[client] = position
                waiting = self._waiting.get(client)
                while waiting and waiting[0][0] <= position:
                    ready.append(heappop(waiting)[1])

    def _walk(self, client: int, position: int) -> int:
        """Where a client's clock gets to. If the clock of another stops it, it waits for that."""
        queue = self._queues[client]
        while queue.run < len(queue.runs):
            run = queue.runs[queue.run]
            if run.clock > position:
                return position
            if run.end > position:
                if not queue.wait:
                    queue.wait = waits_before(run, position)
                blocked = self._blocked(queue, run)
                if blocked is not None:
                    clock, other, end = blocked
                    heappush(self._waiting.setdefault(other, []), (end, client))
                    return max(position, clock)
                position = run.end
            queue.run += 1
            queue.wait = 0
        return position

    def _blocked(self, queue: _Queue, run: Run) -> Wait | None:
        """The first wait of a run that is not met yet."""
        waits, state = run.waits, self._state
        for at in range(queue.wait, len(waits)):
            _, other, end = waits[at]
            if state.get(other, 0) < end:
                queue.wait = at
                return waits[at]
        return None


def waits_before(run: Run, clock: int) -> int:
    """How many waits of a run belong to structs that end at or before `clock`.

    They may never be met: Yjs replaces structs by deleted clocks, which name nothing.
    """
    if not run.waits or clock <= run.clock:
        return 0
    if clock >= run.end:
        return len(run.waits)
    return bisect_left(run.waits, (locate(run, clock)[0],))
