"""What was accepted since the base, as bytes: what a joiner or a returning client lacks is cut out of it.

Owns the bytes of the structs after the base, by client, with places to cut at, and how they follow on the
base's. Deletions belong to the index, the base's own bytes to whoever keeps bases.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable

from collab_server.types import StateVector
from collab_server.updates.base import Base, Place
from collab_server.updates.ranges import DeletedRanges
from collab_server.updates.run import MARK_EVERY, Run
from collab_server.updates.trim import struct_end
from collab_server.updates.varint import client_varint, varint

#: An update, or a part of one, in pieces that are not joined because they may be large.
Pieces = list[bytes | memoryview]

#: What a client takes beside its bytes: a buffer, three columns, slots and an id. Measured: 215 to 235.
_CLIENT_BYTES = 220
#: What a client of the base takes: a slot; its integers are the index's until it writes again.
_BASE_CLIENT_BYTES = 50

_NO_MARKS: array[int] = array("I")


class _ClientTail:
    """The structs of one client since the base, in one growing buffer.

    Marks are in three columns: first clock, offset in `data` and number of structs before, of a struct at
    least every `MARK_EVERY` structs. Most clients have few structs and share the empty columns.
    """

    __slots__ = ("clocks", "count", "counts", "data", "end", "first", "offsets")

    def __init__(self, first: int) -> None:
        self.data = bytearray()
        self.first = first
        self.end = first
        self.count = 0
        self.clocks = self.offsets = self.counts = _NO_MARKS

    def append(self, run: Run) -> None:
        base, before = len(self.data), self.count
        self.data += run.data
        self.end = run.end
        self.count += run.count
        marked = self.counts[-1] if self.counts else 0
        if self.count - marked > MARK_EVERY:
            if before > marked:
                self._mark(run.clock, base, before)
            for clock, offset, count in run.marks:
                self._mark(clock, base + offset, before + count)

    def _mark(self, clock: int, offset: int, count: int) -> None:
        if not self.counts:
            self.clocks, self.offsets, self.counts = array("I"), array("Q"), array("I")
        self.clocks.append(clock)
        self.offsets.append(offset)
        self.counts.append(count)

    def since(self, clock: int) -> Place:
        """What there is from the mark at or before `clock` on."""
        at = bisect_right(self.clocks, clock) - 1
        if at < 0:
            return Place(self.first, self.count, 0, len(self.data))
        return Place(self.clocks[at], self.count - self.counts[at], self.offsets[at], len(self.data))

    def drop_before(self, clock: int) -> None:
        """Forget the structs before `clock`, where one must begin."""
        place = self.since(clock)
        at, offset, skipped = place.clock, place.start, self.count - place.count
        data = bytes(self.data)
        while at < clock:
            length, offset = struct_end(data, offset)
            at += length
            skipped += 1
        if at != clock:
            raise ValueError(f"no struct begins at clock {clock}")
        del self.data[:offset]
        self.first = clock
        self.count -= skipped
        if self.counts:
            marks = bisect_left(self.clocks, clock)
            self.clocks = self.clocks[marks:]
            self.offsets = array("Q", [before - offset for before in self.offsets[marks:]])
            self.counts = array("I", [before - skipped for before in self.counts[marks:]])


class Tail:
    """Runs of every client, joined, each following on the base's clocks. `size_bytes` counts the structs'
    bytes.
    """

    def __init__(self, base_state: StateVector | None = None) -> None:
        self._base_state: StateVector = base_state or {}
        self._clients: dict[int, _ClientTail] = {}
        self._ascending: list[int] = []
        self.size_bytes = 0

    @property
    def memory_bytes(self) -> int:
        """About what it takes in memory: up to an eighth more, where buffers have grown in advance."""
        own, base = len(self._clients) * _CLIENT_BYTES, len(self._base_state) * _BASE_CLIENT_BYTES
        return self.size_bytes + own + base

    def append(self, run: Run) -> None:
        """Add a run that begins where its client's structs end."""
        found = self._clients.get(run.client)
        if found is None:
            found = self._clients[run.client] = _ClientTail(self._base_state.get(run.client, 0))
            insort(self._ascending, run.client)
        if run.clock != found.end:
            raise ValueError(f"{run!r} does not follow clock {found.end}")
        found.append(run)
        self.size_bytes += len(run.data)

    def reaches(self, state_vector: StateVector) -> bool:
        """Whether a client at `state_vector` lacks nothing of the base."""
        return all(state_vector.get(client, 0) >= clock for client, clock in self._base_state.items())

    def diff(self, state_vector: StateVector, deletes: DeletedRanges, base: Base | None = None) -> bytes:
        """`pieces`, joined."""
        return b"".join(self.pieces(state_vector, deletes, base))

    def pieces(self, state_vector: StateVector, deletes: DeletedRanges, base: Base | None = None) -> Pieces:
        """An update with all that a client at `state_vector` lacks, and with all `deletes`.

        `base` is needed unless the tail reaches the state vector. A section starts at the mark before the
        client's clock, so a few structs that it knows may come first.
        """
        if base is None and not self.reaches(state_vector):
            raise ValueError("the base is needed for this state vector")
        pieces: Pieces = [b""]
        sections = 0
        for client in self._descending(base):
            found = self._section(client, state_vector.get(client, 0), base)
            if found:
                sections += 1
                pieces += found
        pieces[0] = varint(sections)
        pieces.append(deletes.encode())
        return pieces

    def _descending(self, base: Base | None) -> Iterable[int]:
        if base is None:
            return reversed(self._ascending)
        return sorted({*base.table.clients, *self._ascending}, reverse=True)

    def _section(self, client: int, clock: int, base: Base | None) -> Pieces:
        """One client's part of an update; empty if there is nothing."""
        found = self._clients.get(client)
        place = base.table.since(client, clock) if base is not None else None
        if place is not None and base is not None:
            count = place.count + (found.count if found else 0)
            pieces: Pieces = [_head(client, count, place.clock), *base.slices(place.start, place.end)]
            if found:
                pieces.append(bytes(found.data))
            return pieces
        if found is None or clock >= found.end:
            return []
        place = found.since(clock)
        return [_head(client, place.count, place.clock), bytes(found.data[place.start :])]

    def rest(self) -> None:
        """Give back what the index of a room that rests has too."""
        self._base_state = {}

    def wake(self, state: StateVector) -> None:
        """Go on after `rest`, with what the index has."""
        own = {client: found.first for client, found in self._clients.items()}
        self._base_state = {client: clock for client, clock in (state | own).items() if clock}

    def rebase(self, base_state: StateVector) -> None:
        """Forget what a new base holds; it was made of the old base and the first deltas of this tail."""
        self._base_state = base_state
        for client in list(self._clients):
            found = self._clients[client]
            clock = base_state.get(client, 0)
            before = len(found.data)
            if found.end <= clock:
                del self._clients[client]
                self.size_bytes -= before
            elif clock > found.first:
                found.drop_before(clock)
                self.size_bytes -= before - len(found.data)
        # At once: taking fifty thousand out one by one held the loop for seconds.
        self._ascending = sorted(self._clients)


def _head(client: int, count: int, clock: int) -> bytes:
    return varint(count) + client_varint(client) + varint(clock)
