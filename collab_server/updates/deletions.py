"""The deletions at the end of an update, and the counts that stand before everything in one.

Owns their form and their bounds; what they delete is the index's question. Source: Yjs `utils/DeleteSet.js`.
"""

from __future__ import annotations

from collab_server.types import ClockRange
from collab_server.updates.limits import ScanLimits
from collab_server.updates.refusal import malformed, too_large
from collab_server.updates.varint import read_varint


def read_count(data: bytes, pos: int, limit: int, what: str) -> tuple[int, int]:
    """A number of things that are each at least a byte long."""
    count, pos = read_varint(data, pos)
    if count > len(data) - pos:
        raise malformed(f"more {what} than bytes")
    if count > limit:
        raise too_large(f"more than {limit} {what}")
    return count, pos


def scan_deletes(data: bytes, pos: int, limits: ScanLimits) -> tuple[list[ClockRange], int]:
    """The deletions at `pos`, as they stand there, and the position after them."""
    deletes: list[ClockRange] = []
    seen: set[int] = set()
    clients, pos = read_count(data, pos, limits.max_clients, "clients with deletions")
    ranges_left = limits.max_delete_ranges
    for _ in range(clients):
        client, pos = read_varint(data, pos)
        if client in seen:
            raise malformed("a client twice")
        seen.add(client)
        count, pos = read_count(data, pos, ranges_left, "deletions")
        ranges_left -= count
        for _ in range(count):
            clock, pos = read_varint(data, pos)
            length, pos = read_varint(data, pos)
            # Yjs ignores an empty range, and so do we: nothing is relayed that was not written anew.
            if length:
                deletes.append((client, clock, clock + length))
    return deletes, pos
