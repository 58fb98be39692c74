"""Deleted clocks of a document: per client sorted, merged, half-open ranges in eight bytes each.

Owns adding and writing them; knows nothing of which clocks exist.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain

from collab_server.types import ClockRange
from collab_server.updates.splice import encode_ranges, merge_ranges
from collab_server.updates.varint import varint

_NONE: array[int] = array("I")


class DeletedRanges:
    """Iterating gives every range once, per client ascending."""

    __slots__ = ("_borders", "_count", "_encoded")

    def __init__(self) -> None:
        # Per client start, end, start, end …, strictly ascending.
        self._borders: dict[int, array[int]] = {}
        # Of all clients.
        self._count = 0
        # Per client what `encode` made of it, until it changes.
        self._encoded: dict[int, bytes] = {}

    @classmethod
    def of_borders(cls, borders: dict[int, array[int]]) -> DeletedRanges:
        """Ranges as `borders` gives them, client by client; the arrays are taken over."""
        ranges = cls()
        ranges._borders = borders
        ranges._count = sum([len(found) for found in borders.values()])
        return ranges

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DeletedRanges):
            return NotImplemented
        return self._borders == other._borders

    __hash__ = None  # type: ignore[assignment]

    @property
    def clients(self) -> Iterable[int]:
        """Those with deletions, in no order."""
        return self._borders

    def __iter__(self) -> Iterator[ClockRange]:
        for client, borders in self._borders.items():
            for at in range(0, len(borders), 2):
                yield client, borders[at], borders[at + 1]

    def __len__(self) -> int:
        return self._count // 2

    @property
    def size_bytes(self) -> int:
        """What the ranges take here; encoded they take a little less."""
        return self._count * 4

    def holds(self, client: int, clock: int) -> bool:
        """Whether a clock is deleted."""
        return bisect_right(self._borders.get(client, _NONE), clock) & 1 == 1

    def borders(self, client: int) -> array[int]:
        """Start, end, start, end … of a client's ranges, strictly ascending. For reading."""
        return self._borders.get(client, _NONE)

    def add(self, client: int, start: int, end: int) -> list[ClockRange]:
        """Add one range that is not empty; the parts of it that were not there before."""
        borders = self._borders.get(client)
        if borders is None:
            borders = self._borders[client] = array("I")
        if _covered(borders, start, end):
            return []
        self._encoded.pop(client, None)
        first = bisect_left(borders, start)
        last = bisect_right(borders, end, first)
        if last == first + 1:
            return [_grow(client, borders, first, start, end)]
        new = _gaps(client, borders, first, last, start, end)
        outer = _outer(first, last, start, end)
        borders[first:last] = outer
        self._count += len(outer) - (last - first)
        return new

    def add_many(self, client: int, ranges: list[tuple[int, int]]) -> list[ClockRange]:
        """Add ranges that are not empty, in any order; the parts that were not there before, merged.

        What is known costs one look each: a class that reconnects sends all deletions of the document.
        """
        old = self._borders.get(client)
        if old:
            ranges = [(start, end) for start, end in ranges if not _covered(old, start, end)]
        if not ranges:
            return []
        self._encoded.pop(client, None)
        merged = merge_ranges(ranges)
        if not old:
            self._borders[client] = array("I", chain.from_iterable(merged))
            self._count += 2 * len(merged)
            return [(client, start, end) for start, end in merged]
        borders, new = _merge(client, old, merged)
        self._borders[client] = borders
        self._count += len(borders) - len(old)
        return new

    def encode(self) -> bytes:
        """All ranges as they stand at the end of an update. Remembers the bytes of what does not change."""
        encoded, borders = self._encoded, self._borders
        parts = [varint(len(borders))]
        for client in sorted(borders, reverse=True):
            section = encoded.get(client)
            parts.append(self._encode_client(client) if section is None else section)
        return b"".join(parts)

    def encode_some(self, most: int) -> bool:
        """Do a part of the next `encode`: some clients, of about `most` ranges. Whether nothing is left."""
        left = most
        for client, borders in self._borders.items():
            if client not in self._encoded:
                if left <= 0:
                    return False
                self._encode_client(client)
                left -= len(borders) // 2
        return True

    def _encode_client(self, client: int) -> bytes:
        found = self._borders[client].tolist()
        pairs = list(zip(found[::2], found[1::2], strict=True))
        section = self._encoded[client] = encode_ranges(client, pairs)
        return section

    def forget_encoding(self) -> None:
        """Give back the memory that `encode` keeps."""
        self._encoded.clear()

    def copy(self) -> DeletedRanges:
        other = DeletedRanges()
        other._borders = {client: borders[:] for client, borders in self._borders.items()}
        other._encoded = dict(self._encoded)
        other._count = self._count
        return other


# The number of borders at or before a clock is odd exactly inside a range. Below, `first` is the number of
# borders before a new range and `last` the number up to its end: those between fall away, and where one of
# the two is odd, a range that is there already reaches over the new one's start or end.


def _covered(borders: array[int], start: int, end: int) -> bool:
    at = bisect_right(borders, start)
    return at & 1 == 1 and end <= borders[at]


def _grow(client: int, borders: array[int], at: int, start: int, end: int) -> ClockRange:
    """Move one border outwards, as backspace and delete do: the range it belongs to touches the new one."""
    border = borders[at]
    if at & 1:
        borders[at] = end
        return client, border, end
    borders[at] = start
    return client, start, border


def _merge(
    client: int, old: array[int], ranges: list[tuple[int, int]]
) -> tuple[array[int], list[ClockRange]]:
    """Borders with merged ranges added, and what is new; what lies between the ranges is copied as slices."""
    borders = array("I")
    new: list[ClockRange] = []
    copied = 0
    for start, end in ranges:
        first = bisect_left(old, start, copied)
        last = bisect_right(old, end, first)
        borders.extend(old[copied:first])
        borders.extend(_outer(first, last, start, end))
        new += _gaps(client, old, first, last, start, end)
        copied = last
    borders.extend(old[copied:])
    return borders, new


def _outer(first: int, last: int, start: int, end: int) -> array[int]:
    """The borders that take the place of those between `first` and `last`."""
    if first & 1:
        return array("I") if last & 1 else array("I", (end,))
    return array("I", (start,) if last & 1 else (start, end))


def _gaps(client: int, borders: array[int], first: int, last: int, start: int, end: int) -> list[ClockRange]:
    """The parts of a new range that no range of `borders` covers."""
    if first == last:
        return [] if first & 1 else [(client, start, end)]
    points = borders[first:last].tolist()
    if not first & 1:
        points.insert(0, start)
    if not last & 1:
        points.append(end)
    pairs = zip(points[::2], points[1::2], strict=True)
    return [(client, after, before) for after, before in pairs if after < before]
