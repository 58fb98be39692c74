"""A document that was not compacted, as bytes: what a joiner or a returning client lacks is cut out of it.

Owns the bytes of every struct, by client, and places to cut at. Deletions belong to the index.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right, insort
from collections.abc import Iterable

from collab_server.types import ClockRange, StateVector
from collab_server.updates.run import MARK_EVERY, Run
from collab_server.updates.splice import encode_deletes
from collab_server.updates.varint import client_varint, varint


class _ClientBlocks:
    """The structs of one client in one growing buffer."""

    __slots__ = ("clocks", "count", "counts", "data", "end", "offsets")

    def __init__(self) -> None:
        self.data = bytearray()
        self.end = 0
        self.count = 0
        # Marks: first clock, offset in `data` and number of structs before, of a struct at least every
        # `MARK_EVERY` structs.
        self.clocks = array("I", (0,))
        self.offsets = array("Q", (0,))
        self.counts = array("I", (0,))

    def append(self, run: Run) -> None:
        base, before = len(self.data), self.count
        self.data += run.data
        self.end = run.end
        self.count += run.count
        if self.count - self.counts[-1] <= MARK_EVERY:
            return
        if before > self.counts[-1]:
            self._mark(run.clock, base, before)
        for clock, offset, count in run.marks:
            self._mark(clock, base + offset, before + count)

    def _mark(self, clock: int, offset: int, count: int) -> None:
        self.clocks.append(clock)
        self.offsets.append(offset)
        self.counts.append(count)

    def since(self, client: int, clock: int) -> tuple[bytes, memoryview]:
        """Head and structs of a section from the mark at or before `clock`."""
        at = bisect_right(self.clocks, clock) - 1
        head = varint(self.count - self.counts[at]) + client_varint(client) + varint(self.clocks[at])
        return head, memoryview(self.data)[self.offsets[at] :]


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

    def diff(self, state_vector: StateVector | None, deletes: Iterable[ClockRange]) -> bytes:
        """An update with all that a client at `state_vector` lacks, and with `deletes`, which are to be all.

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
        return b"".join((varint(sections), *parts, encode_deletes(deletes)))
