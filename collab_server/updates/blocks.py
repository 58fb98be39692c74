"""A document that was not compacted, as bytes: what a joiner or a returning client lacks is cut out of it.

Owns the bytes of every struct, by client, and places to cut at. Deletions belong to the index.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right, insort

from collab_server.types import StateVector
from collab_server.updates.ranges import DeletedRanges
from collab_server.updates.run import MARK_EVERY, Run
from collab_server.updates.varint import client_varint, varint

_NO_MARKS: array[int] = array("I")


class _ClientBlocks:
    """The structs of one client in one growing buffer.

    Marks are in three columns: first clock, offset in `data` and number of structs before, of a struct at
    least every `MARK_EVERY` structs. Most clients have few structs and share the empty columns.
    """

    __slots__ = ("clocks", "count", "counts", "data", "end", "offsets")

    def __init__(self) -> None:
        self.data = bytearray()
        self.end = 0
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

    def since(self, client: int, clock: int) -> tuple[bytes, memoryview]:
        """Head and structs of a section from the mark at or before `clock`."""
        at = bisect_right(self.clocks, clock) - 1
        first, offset, before = (self.clocks[at], self.offsets[at], self.counts[at]) if at >= 0 else (0, 0, 0)
        head = varint(self.count - before) + client_varint(client) + varint(first)
        return head, memoryview(self.data)[offset:]


class BlockStore:
    """Runs of every client, joined. `size_bytes` counts the structs' bytes."""

    def __init__(self) -> None:
        self._clients: dict[int, _ClientBlocks] = {}
        self._ascending: list[int] = []
        self.size_bytes = 0

    def append(self, run: Run) -> None:
        """Add a run that begins where its client's blocks end."""
        blocks = self._clients.get(run.client)
        if blocks is None:
            blocks = self._clients[run.client] = _ClientBlocks()
            insort(self._ascending, run.client)
        if run.clock != blocks.end:
            raise ValueError(f"{run!r} does not follow clock {blocks.end}")
        blocks.append(run)
        self.size_bytes += len(run.data)

    def diff(self, state_vector: StateVector | None, deletes: DeletedRanges) -> bytes:
        """An update with all that a client at `state_vector` lacks, and with all `deletes`.

        A section starts at the mark before the client's clock, so a few structs that it knows may come first.
        """
        known = state_vector or {}
        parts: list[bytes | memoryview] = []
        sections = 0
        for client in reversed(self._ascending):
            blocks = self._clients[client]
            clock = known.get(client, 0)
            if clock < blocks.end:
                parts += blocks.since(client, clock)
                sections += 1
        return b"".join((varint(sections), *parts, deletes.encode()))
