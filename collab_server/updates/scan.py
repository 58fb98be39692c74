"""The strict, bounded scanner of Yjs updates, version 1: all or nothing.

Owns the order of its parts and how much there may be of each. Knows no document: whether something is new or
missing is the index's question. What passes here must harm no Yjs client: one that throws on an update loses
all that came with it. Source: Yjs `utils/encoding.js`, `utils/DeleteSet.js`.
"""

from __future__ import annotations

from collab_server.types import ClockRange
from collab_server.updates.compaction.nesting import nested_types
from collab_server.updates.deletions import read_count, scan_deletes
from collab_server.updates.keystroke import scan_keystroke
from collab_server.updates.limits import DEFAULT_LIMITS, ScanLimits
from collab_server.updates.ranges import DeletedRanges
from collab_server.updates.refusal import malformed
from collab_server.updates.run import Run, Update
from collab_server.updates.section import Section
from collab_server.updates.varint import read_varint

_FEW_TYPES = 8


def scan(data: bytes, limits: ScanLimits = DEFAULT_LIMITS) -> Update:
    """Check an update and find its runs and deletions.

    Raises InvalidUpdate, whose `reason` says what to tell the sender; nothing else.
    """
    return scan_keystroke(data) or scan_all(data, limits)


def scan_all(data: bytes, limits: ScanLimits) -> Update:
    """`scan` without the short way for keystrokes."""
    try:
        structs, at = _scan_sections(data, limits)
        deletes, pos = scan_deletes(data, at, limits)
    except IndexError:
        raise malformed("the update ends too early") from None
    if pos > len(data):
        raise malformed("the update ends too early")
    if pos < len(data):
        raise malformed("something follows the update")
    types = sum([run.types for run in structs])
    # Few types lie at most so deep in each other; of many it is worth to know.
    return Update(structs, deletes, types if types <= _FEW_TYPES else nested_types(data), at)


def scan_new_deletes(data: bytes, pos: int, limits: ScanLimits, known: DeletedRanges) -> list[ClockRange]:
    """The deletions that end an update, from `pos` on, without those that are `known`. Raises
    InvalidUpdate.
    """
    try:
        deletes, end = scan_deletes(data, pos, limits, known)
    except IndexError:
        raise malformed("the update ends too early") from None
    if end != len(data):
        raise malformed("the update does not end where its deletions do")
    return deletes


def _scan_sections(data: bytes, limits: ScanLimits) -> tuple[list[Run], int]:
    runs: list[Run] = []
    seen: set[int] = set()
    sections, pos = read_count(data, 0, limits.max_clients, "clients")
    blocks_left = limits.max_blocks
    for _ in range(sections):
        count, pos = read_count(data, pos, blocks_left, "structs")
        if count == 0:
            raise malformed("a client without structs")
        blocks_left -= count
        start = pos
        client, pos = read_varint(data, pos)
        if client in seen:
            raise malformed("a client twice")
        seen.add(client)
        section = Section(data, client, data[start:pos], limits.max_depth)
        clock, pos = read_varint(data, pos)
        pos = section.scan(pos, clock, count)
        runs += section.runs
    return runs, pos
