"""Deleted clocks of a document: per client sorted, merged, half-open ranges in eight bytes each.

Owns adding and writing them; knows nothing of which clocks exist.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from collab_server.types import ClockRange
from collab_server.updates.splice import merge_ranges


class DeletedRanges:
    """Iterating gives every range once, per client ascending."""

    __slots__ = ("_borders",)

    def __init__(self) -> None:
        # Per client start, end, start, end …, strictly ascending.
        self._borders: dict[int, array[int]] = {}

    def __iter__(self) -> Iterator[ClockRange]:
        for client, borders in self._borders.items():
            for at in range(0, len(borders), 2):
                yield client, borders[at], borders[at + 1]

    def __len__(self) -> int:
        return sum(map(len, self._borders.values())) // 2

    def add(self, client: int, ranges: list[tuple[int, int]]) -> list[ClockRange]:
        """Add non-empty ranges of one client in any order; the parts that were not there before, merged."""
        old = self._borders.get(client)
        if old is None:
            old = self._borders[client] = array("I")
        if len(ranges) == 1:
            return self._add_one(client, old, *ranges[0])
        new: list[ClockRange] = []
        borders = array("I")
        copied = 0
        for start, end in merge_ranges(ranges):
            first = bisect_left(old, start, copied)
            last = bisect_right(old, end, first)
            borders.extend(old[copied:first])
            borders.extend(_outer(first, last, start, end))
            new += _gaps(client, old[first:last], first, last, start, end)
            copied = last
        borders.extend(old[copied:])
        self._borders[client] = borders
        return new

    def _add_one(self, client: int, borders: array[int], start: int, end: int) -> list[ClockRange]:
        first = bisect_left(borders, start)
        last = bisect_right(borders, end, first)
        new = _gaps(client, borders[first:last], first, last, start, end)
        if new:
            borders[first:last] = array("I", _outer(first, last, start, end))
        return new

    def copy(self) -> DeletedRanges:
        other = DeletedRanges()
        other._borders = {client: borders[:] for client, borders in self._borders.items()}
        return other


def _outer(first: int, last: int, start: int, end: int) -> list[int]:
    """The borders that take the place of those from index `first` to `last` when a range is added."""
    borders = []
    if not first & 1:
        borders.append(start)
    if not last & 1:
        borders.append(end)
    return borders


def _gaps(client: int, inner: array[int], first: int, last: int, start: int, end: int) -> list[ClockRange]:
    """The parts of a range that lie between the ranges it meets; `inner` are their borders inside it."""
    points = inner.tolist()
    if not first & 1:
        points.insert(0, start)
    if not last & 1:
        points.append(end)
    pairs = zip(points[::2], points[1::2], strict=True)
    return [(client, after, before) for after, before in pairs if after < before]
