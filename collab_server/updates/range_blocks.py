"""The deleted ranges of one client as bytes, in blocks by clock: what changes is encoded anew, the rest is
kept.

Owns the cutting. A document that lived for years has a million ranges; a class that comes back sends all of
them, and gets all of them, each time.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import NamedTuple

from collab_server.updates.varint import varint

#: A block holds the ranges that start within so many clocks (as a power of two).
BLOCK_BITS = 14


class Block(NamedTuple):
    """So many ranges, as they stand in an update."""

    encoded: bytes
    ranges: int


class RangeBlocks:
    """Blocks by `clock >> BLOCK_BITS` of their ranges' starts."""

    __slots__ = ("_blocks", "is_whole")

    def __init__(self) -> None:
        self._blocks: dict[int, Block] = {}
        self.is_whole = False

    def of(self, borders: array[int]) -> dict[int, Block]:
        """All blocks, ascending, of the client's borders. To be used before the next change."""
        if not self.is_whole:
            self._blocks = self._complete(borders)
            self.is_whole = True
        return self._blocks

    def _complete(self, borders: array[int]) -> dict[int, Block]:
        known = self._blocks
        whole: dict[int, Block] = {}
        at, end = 0, len(borders)
        while at < end:
            number = borders[at] >> BLOCK_BITS
            after = bisect_left(borders, (number + 1) << BLOCK_BITS, at)
            # An odd one ends a range that started in this block.
            after += after & 1
            whole[number] = known.get(number) or _encode(borders[at:after])
            at = after
        return whole

    def changed(self, start: int, end: int) -> None:
        """Ranges that start between these clocks, the last one included, are not what they were."""
        first, last = start >> BLOCK_BITS, end >> BLOCK_BITS
        self.is_whole = False
        if first == last:
            self._blocks.pop(first, None)
            return
        for number in [number for number in self._blocks if first <= number <= last]:
            del self._blocks[number]


def _encode(borders: array[int]) -> Block:
    parts: list[bytes] = []
    found = borders.tolist()
    for start, end in zip(found[::2], found[1::2], strict=True):
        parts += (varint(start), varint(end - start))
    return Block(b"".join(parts), len(found) // 2)
