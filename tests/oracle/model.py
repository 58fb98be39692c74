"""The engine around one document, as a room uses it: index, blocks, held parts offered again.

Knows `collab_server.updates` alone: no session, no journal, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable

from collab_server.types import ClockRange
from collab_server.updates import Index, Run, Tail, Update, encode_structs, encode_update, scan


class Document:
    """What a server knows of one document. Every accepted delta is kept in `deltas`, in order."""

    def __init__(self) -> None:
        self.index = Index()
        self.store = Tail()
        self.held: list[Run] = []
        self.released: list[Run] = []
        self.deltas: list[Delta] = []

    def receive(self, data: bytes) -> Delta:
        """Scan, take what is complete, hold the rest, and offer what was held again."""
        return self.take(scan(data))

    def take(self, update: Update) -> Delta:
        """The same for an update that was scanned."""
        delta = self._take(update)
        while any(self.index.missing(run) is None for run in self.held):
            held, self.held = self.held, []
            late = self._take(Update(held, ()))
            self.released += late.runs
            delta = delta + late
        if delta:
            self.deltas.append(delta)
        return delta

    def fork(self) -> Document:
        """Another document with the same past, to try something on."""
        other = Document()
        other.index = self.index.copy()
        other.deltas = list(self.deltas)
        for delta in self.deltas:
            for run in delta.runs:
                other.store.append(run)
        return other

    def whole(self) -> bytes:
        """A joiner's step 2."""
        return self.store.diff({}, self.index.deletes)

    def restarted(self) -> Document:
        """The document that a new process makes from what this one has journaled."""
        other = Document()
        for delta in self.deltas:
            other.receive(delta.encode())
        if self.held:
            other.receive(encode_structs(self.held))
        return other

    def _take(self, update: Update) -> Delta:
        accepted = self.index.integrate(update)
        for run in accepted.runs:
            self.store.append(run)
        self.held += accepted.held
        return Delta(accepted.runs, accepted.deletes)


class Delta:
    """What one message or one window brought: runs and deletions, ready to splice."""

    def __init__(self, runs: Iterable[Run] = (), deletes: Iterable[ClockRange] = ()) -> None:
        self.runs = list(runs)
        self.deletes = list(deletes)

    def __bool__(self) -> bool:
        return bool(self.runs or self.deletes)

    def __add__(self, other: Delta) -> Delta:
        return Delta(self.runs + other.runs, self.deletes + other.deletes)

    def encode(self) -> bytes:
        return encode_update(self.runs, self.deletes)


def splice(deltas: Iterable[Delta]) -> bytes:
    """One update of a window of deltas."""
    joined = Delta()
    for delta in deltas:
        joined = joined + delta
    return joined.encode()
