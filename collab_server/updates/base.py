"""What is stored with a compacted document beside its bytes: what it has, and where each client's structs
stand.

Owns the two encodings, columns of little-endian integers that are read without a look at each. The base's
own bytes are an ordinary update.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from collab_server.types import StateVector
from collab_server.updates.columns import read_columns, write_columns
from collab_server.updates.ranges import DeletedRanges
from collab_server.updates.refusal import malformed

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class BaseHead:
    """All that a room needs to open without the base's bytes.

    `depth` is how many types lie in each other at most; `deep` are those, (client, clock), under which
    nothing new may stand. `structs` counts them.
    """

    state: StateVector
    deletes: DeletedRanges
    structs: int
    size_bytes: int
    depth: int = 0
    deep: frozenset[tuple[int, int]] = frozenset()

    def encode(self) -> bytes:
        borders = [(client, self.deletes.borders(client)) for client in self.deletes.clients]
        deep = sorted(self.deep)
        return write_columns(
            ("Q", (_FORMAT, self.structs, self.size_bytes, self.depth)),
            ("Q", self.state.keys()),
            ("I", self.state.values()),
            ("Q", [client for client, _ in borders]),
            ("I", [len(found) for _, found in borders]),
            ("I", [border for _, found in borders for border in found]),
            ("Q", [client for client, _ in deep]),
            ("I", [clock for _, clock in deep]),
        )

    @classmethod
    def decode(cls, data: bytes) -> BaseHead:
        """Raises InvalidUpdate if it is none of this format."""
        fixed, clients, clocks, deleted, lengths, borders, deep, deep_clocks = read_columns(data, "QQIQIIQI")
        if len(fixed) != 4 or fixed[0] != _FORMAT:
            raise malformed("the head of a base has another format")
        ends = list(accumulate(lengths))
        ranges = DeletedRanges.of_borders(
            {
                client: borders[end - size : end]
                for client, size, end in zip(deleted, lengths, ends, strict=True)
            }
        )
        state = dict(zip(clients, clocks, strict=True))
        found = frozenset(zip(deep, deep_clocks, strict=True))
        return cls(state, ranges, fixed[1], fixed[2], fixed[3], found)


@dataclass(frozen=True, slots=True)
class Place:
    """Structs of one client inside a base: bytes `start` to `end`, `count` structs, the first at `clock`."""

    clock: int
    count: int
    start: int
    end: int


class BlockTable:
    """Where the structs of each client stand in a base, with a place to cut at every few structs.

    Columns by client, descending as in the update: id, next clock, structs, first and last byte, and how
    many marks the clients up to this one have. Columns of the marks: clock, byte, structs of the client
    before it.
    """

    __slots__ = (
        "_before",
        "_bytes",
        "_clients",
        "_clocks",
        "_counts",
        "_ends",
        "_firsts",
        "_lasts",
        "_marked",
        "_rows",
    )

    def __init__(self, columns: Sequence[array[int]]) -> None:
        (
            self._clients, self._ends, self._counts, self._firsts, self._lasts, self._marked,
            self._clocks, self._bytes, self._before,
        ) = columns  # fmt: skip
        self._rows = {client: row for row, client in enumerate(self._clients)}

    def __len__(self) -> int:
        return len(self._clients)

    @property
    def clients(self) -> Sequence[int]:
        """Descending."""
        return self._clients

    def since(self, client: int, clock: int) -> Place | None:
        """The client's structs from a mark at or before `clock`; None if all of them are before it."""
        row = self._rows.get(client)
        if row is None or clock >= self._ends[row]:
            return None
        count, last = self._counts[row], self._lasts[row]
        first_mark = self._marked[row - 1] if row else 0
        at = bisect_right(self._clocks, clock, first_mark, self._marked[row]) - 1
        if at < first_mark:
            return Place(0, count, self._firsts[row], last)
        return Place(self._clocks[at], count - self._before[at], self._bytes[at], last)

    def encode(self) -> bytes:
        return write_columns(
            ("Q", self._clients), ("I", self._ends), ("I", self._counts),
            ("Q", self._firsts), ("Q", self._lasts), ("I", self._marked),
            ("I", self._clocks), ("Q", self._bytes), ("I", self._before),
        )  # fmt: skip

    @classmethod
    def decode(cls, data: bytes) -> BlockTable:
        """Raises InvalidUpdate if it is no table."""
        columns = read_columns(data, "QIIQQIIQI")
        clients, marks = columns[:6], columns[6:]
        if len({len(column) for column in clients}) > 1 or len({len(column) for column in marks}) > 1:
            raise malformed("the table of a base has columns of different lengths")
        if clients[5] and clients[5][-1] != len(marks[0]):
            raise malformed("the table of a base has more or fewer marks than it says")
        return cls(columns)

    @property
    def size_bytes(self) -> int:
        return 30 * len(self._clients) + 16 * len(self._clocks)


class Base:
    """A base in memory: its table, and its bytes in pieces of one size, but for the last."""

    __slots__ = ("_chunk_bytes", "chunks", "size_bytes", "table")

    def __init__(self, table: BlockTable, chunks: Sequence[bytes]) -> None:
        self.table = table
        self.chunks = chunks
        self._chunk_bytes = len(chunks[0]) if chunks else 1
        self.size_bytes = table.size_bytes + sum([len(chunk) for chunk in chunks])

    def slices(self, start: int, end: int) -> Iterator[memoryview]:
        """Bytes `start` to `end`, not copied."""
        size = self._chunk_bytes
        while start < end:
            number, offset = divmod(start, size)
            stop = min(end, (number + 1) * size)
            yield memoryview(self.chunks[number])[offset : stop - number * size]
            start = stop
