"""The deletions at the end of an update, and the counts that stand before everything in one.

Owns their form and their bounds; what they delete is the index's question. Source: Yjs `utils/DeleteSet.js`.
"""

from __future__ import annotations

from collections.abc import Mapping

from collab_server.types import ClockRange
from collab_server.updates.limits import ScanLimits
from collab_server.updates.range_blocks import BLOCK_BITS, Block
from collab_server.updates.ranges import DeletedRanges
from collab_server.updates.refusal import malformed, too_large
from collab_server.updates.varint import read_varint

_NO_BLOCKS: Mapping[int, Block] = {}


def read_count(data: bytes, pos: int, limit: int, what: str) -> tuple[int, int]:
    """A number of things that are each at least a byte long."""
    count, pos = read_varint(data, pos)
    if count > len(data) - pos:
        raise malformed(f"more {what} than bytes")
    if count > limit:
        raise too_large(f"more than {limit} {what}")
    return count, pos


def scan_deletes(
    data: bytes, pos: int, limits: ScanLimits, known: DeletedRanges | None = None
) -> tuple[list[ClockRange], int]:
    """The deletions at `pos`, as they stand there, and the position after them.

    What is `known` is passed over by comparing bytes and is not in the result; it counts for no limit.
    """
    deletes: list[ClockRange] = []
    seen: set[int] = set()
    clients, pos = read_count(data, pos, limits.max_clients, "clients with deletions")
    ranges_left = limits.max_delete_ranges
    for _ in range(clients):
        client, pos = read_varint(data, pos)
        if client in seen:
            raise malformed("a client twice")
        seen.add(client)
        count, pos = read_count(data, pos, len(data), "deletions")
        if known is None and count > ranges_left:
            raise too_large(f"more than {ranges_left} deletions")
        blocks = known.blocks(client) if known is not None else _NO_BLOCKS
        tried = -1
        while count:
            clock, after = read_varint(data, pos)
            if clock >> BLOCK_BITS != tried:
                tried = clock >> BLOCK_BITS
                block = blocks.get(tried)
                if block is not None and block.ranges <= count and data.startswith(block.encoded, pos):
                    pos += len(block.encoded)
                    count -= block.ranges
                    continue
            length, pos = read_varint(data, after)
            count -= 1
            ranges_left -= 1
            # Yjs ignores an empty range, and so do we: nothing is relayed that was not written anew.
            if length:
                deletes.append((client, clock, clock + length))
        if ranges_left < 0:
            raise too_large(f"more than {limits.max_delete_ranges} deletions")
    return deletes, pos
