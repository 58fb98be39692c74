"""What a document has: the next clock of every client and the deleted ranges.

Owns the question what of an update is new, known, or ahead of something missing. Holds no content.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from collab_server.types import ClockRange, StateVector
from collab_server.updates.acceptance import Acceptance, waits_before
from collab_server.updates.base import BaseHead
from collab_server.updates.columns import read_columns, write_columns
from collab_server.updates.ranges import DeletedRanges
from collab_server.updates.run import Accepted, Run, Update
from collab_server.updates.trim import drop_before, keep_before

#: What an entry of a state vector takes: a slot of the dictionary and two integers. Measured: 92 to 115.
_CLIENT_BYTES = 105


def memory_of_state(state_vector: StateVector) -> int:
    """About what a state vector takes in memory."""
    return len(state_vector) * _CLIENT_BYTES


class Index:
    """State vector and deleted ranges of a document. `state` and `deletes` are for reading."""

    __slots__ = ("deletes", "state")

    def __init__(self) -> None:
        self.state: StateVector = {}
        self.deletes = DeletedRanges()

    @classmethod
    def of_base(cls, head: BaseHead) -> Index:
        """The index of a document that is its base, whose deletions it takes over."""
        index = cls()
        index.state = dict(head.state)
        index.deletes = head.deletes
        return index

    @property
    def memory_bytes(self) -> int:
        """About what it takes in memory."""
        return memory_of_state(self.state) + self.deletes.memory_bytes

    def copy(self) -> Index:
        other = Index()
        other.state = dict(self.state)
        other.deletes = self.deletes.copy()
        return other

    def pack(self) -> bytes:
        """All of it in sixteen bytes for each client and eight for each range, for a room that rests."""
        # Who has deletions has clocks: they are clipped to what is known.
        borders = [self.deletes.borders(client) for client in self.state]
        return write_columns(
            ("Q", self.state.keys()),
            ("I", self.state.values()),
            ("I", map(len, borders)),
            ("I", chain.from_iterable(borders)),
        )

    @classmethod
    def unpack(cls, packed: bytes) -> Index:
        """The index that `pack` was called on."""
        clients, clocks, lengths, borders = read_columns(packed, "QIII")
        index = cls()
        index.state = dict(zip(clients, clocks, strict=True))
        index.deletes = DeletedRanges.of_columns(clients, lengths, borders)
        return index

    def integrate(self, update: Update) -> Accepted:
        """Take the largest part of an update whose clocks and references are complete."""
        runs, held = self._take_runs(update.structs) if update.structs else ((), ())
        if not update.deletes:
            return Accepted(runs, held)
        deletes, dropped = self._take_deletes(update.deletes)
        return Accepted(runs, held, deletes, dropped)

    def missing(self, run: Run) -> tuple[int, int] | None:
        """What the next struct of a run lacks: (client, next clock needed of it); None if it can go now."""
        state = self.state
        known = state.get(run.client, 0)
        if run.clock > known:
            return run.client, run.clock
        for clock, other, end in run.waits[waits_before(run, known) :]:
            if clock > known:
                break
            if state.get(other, 0) < end:
                return other, end
        return None

    def _take_runs(self, runs: Sequence[Run]) -> tuple[Sequence[Run], Sequence[Run]]:
        """New runs, and those that wait."""
        state = self.state
        if len(runs) == 1:
            run = runs[0]
            if run.clock == state.get(run.client, 0) and (not run.waits or self._complete(run)):
                state[run.client] = run.end
                return runs, ()
        clients = {run.client for run in runs}
        before = {client: state.get(client, 0) for client in clients}
        acceptance = Acceptance(runs, state)
        acceptance.advance()
        new: list[Run] = []
        held: list[Run] = []
        for client, found in acceptance.queues.items():
            _divide(found, before[client], state.get(client, 0), new, held)
        return new, held

    def _complete(self, run: Run) -> bool:
        state = self.state
        for _, other, end in run.waits:  # noqa: SIM110 - a generator costs more than the few looks
            if state.get(other, 0) < end:
                return False
        return True

    def _take_deletes(self, deletes: Sequence[ClockRange]) -> tuple[list[ClockRange], bool]:
        """The part of deletions that names known clocks and is new; whether some named unknown ones."""
        state = self.state
        if len(deletes) == 1:
            client, start, end = deletes[0]
            limit = min(end, state.get(client, 0))
            return self.deletes.add(client, start, limit) if start < limit else [], limit < end
        known: dict[int, list[tuple[int, int]]] = {}
        dropped = False
        for client, start, end in deletes:
            limit = state.get(client, 0)
            if end > limit:
                dropped = True
                end = limit
            if start < end:
                known.setdefault(client, []).append((start, end))
        new: list[ClockRange] = []
        for client, ranges in known.items():
            new += self.deletes.add_many(client, ranges)
        return new, dropped


def _divide(runs: Iterable[Run], before: int, after: int, new: list[Run], held: list[Run]) -> None:
    """Share out the sorted runs of one client whose clock went from `before` to `after`."""
    for run in runs:
        if run.end <= before:
            continue
        if run.clock < after and before < after:
            taken = keep_before(run, after) if run.end > after else run
            new.append(drop_before(taken, max(before, taken.clock)))
            before = taken.end
        if run.end > after:
            held.append(drop_before(run, max(after, run.clock)))
