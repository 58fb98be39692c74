"""The strict, bounded scanner of Yjs updates, version 1: all or nothing.

Owns the question whether a Yjs client can take an update without harm, and where its runs begin and end.
Knows no document: whether something is new or missing is the index's question. Source: Yjs
`utils/encoding.js`, `structs/Item.js`.
"""

from __future__ import annotations

from collab_server.types import ClockRange
from collab_server.updates.content import DELETED, GC, READERS, SKIP, STRING
from collab_server.updates.keystroke import scan_keystroke
from collab_server.updates.limits import DEFAULT_LIMITS, ScanLimits
from collab_server.updates.refusal import malformed, too_large, unknown_content
from collab_server.updates.run import MARK_EVERY, Mark, Run, Update, Wait
from collab_server.updates.text import skip_text, utf16_length
from collab_server.updates.varint import MAX_CLOCK, read_varint

HAS_ORIGIN, HAS_RIGHT_ORIGIN, HAS_PARENT_SUB = 0x80, 0x40, 0x20


def scan(data: bytes, limits: ScanLimits = DEFAULT_LIMITS) -> Update:
    """Check an update and find its runs and deletions.

    Raises InvalidUpdate, whose `reason` says what to tell the sender; nothing else.
    """
    update = scan_keystroke(data)
    if update is not None:
        return update
    try:
        structs, pos = _scan_sections(data, limits)
        deletes, pos = scan_deletes(data, pos, limits)
    except IndexError:
        raise malformed("the update ends too early") from None
    if pos > len(data):
        raise malformed("the update ends too early")
    if pos < len(data):
        raise malformed("something follows the update")
    return Update(structs, deletes)


def _read_count(data: bytes, pos: int, limit: int, what: str) -> tuple[int, int]:
    """A number of things that are each at least a byte long."""
    count, pos = read_varint(data, pos)
    if count > len(data) - pos:
        raise malformed(f"more {what} than bytes")
    if count > limit:
        raise too_large(f"more than {limit} {what}")
    return count, pos


def _scan_sections(data: bytes, limits: ScanLimits) -> tuple[list[Run], int]:
    runs: list[Run] = []
    seen: set[int] = set()
    sections, pos = _read_count(data, 0, limits.max_clients, "clients")
    blocks_left = limits.max_blocks
    for _ in range(sections):
        count, pos = _read_count(data, pos, blocks_left, "structs")
        if count == 0:
            raise malformed("a client without structs")
        blocks_left -= count
        start = pos
        client, pos = read_varint(data, pos)
        if client in seen:
            raise malformed("a client twice")
        seen.add(client)
        section = _Section(data, client, data[start:pos], limits.max_depth)
        clock, pos = read_varint(data, pos)
        pos = section.scan(pos, clock, count)
        runs += section.runs
    return runs, pos


class _Section:
    """The structs of one client."""

    def __init__(self, data: bytes, client: int, own: bytes, max_depth: int) -> None:
        """`own` is the client id as it stands in the section's head: mostly its origins repeat it."""
        self._data = data
        self._client = client
        self._own = own
        self._max_depth = max_depth
        self.runs: list[Run] = []

    def scan(self, pos: int, clock: int, count: int) -> int:
        """Read `count` structs from `pos`; the position after them."""
        while count:
            if self._data[pos] == SKIP:
                length, pos = read_varint(self._data, pos + 1)
                clock += length
                count -= 1
            else:
                pos, clock, count = self._scan_run(pos, clock, count)
            if clock > MAX_CLOCK:
                raise malformed("a clock is above 2^31 - 1")
        return pos

    def _scan_run(self, pos: int, clock: int, count: int) -> tuple[int, int, int]:  # noqa: C901
        """Read structs up to the next gap; position, clock and number left after them.

        One loop instead of several functions: a call for each struct costs as much as reading it.
        """
        data, client, own, max_depth = self._data, self._client, self._own, self._max_depth
        own_size = len(own)
        waits: list[Wait] = []
        needed: dict[int, int] = {}
        marks: list[Mark] = []
        first_pos, first_clock, seen, next_mark = pos, clock, 0, MARK_EVERY
        while seen < count:
            info = data[pos]
            if info == SKIP:
                break
            if seen == next_mark:
                marks.append((clock, pos - first_pos, seen))
                next_mark += MARK_EVERY
            seen += 1
            pos += 1
            kind = info & 31
            if kind == GC:
                if info:
                    raise malformed("a struct of deleted clocks with flags")
                length, pos = read_varint(data, pos)
            else:
                # An origin, a right origin, or instead of both a parent.
                is_parent = info < 64
                if is_parent:
                    references, pos = self._skip_root_parent(pos)
                else:
                    references = 1 if info < 192 else 2
                while references:
                    references -= 1
                    if data.startswith(own, pos):
                        other = client
                        pos += own_size
                    else:
                        other, pos = read_varint(data, pos)
                    named, pos = read_varint(data, pos)
                    if other == client:
                        if named >= clock:
                            raise malformed("a struct names a later one of its client")
                    elif named >= needed.get(other, 0):
                        if named >= MAX_CLOCK:
                            raise malformed("a clock is above 2^31 - 1")
                        needed[other] = named + 1
                        waits.append((clock, other, named + 1))
                if is_parent and info & HAS_PARENT_SUB:
                    pos = skip_text(data, pos)
                if kind == STRING:
                    size = data[pos]
                    pos += 1
                    if size > 127:
                        size, pos = read_varint(data, pos - 1)
                    raw = data[pos : pos + size]
                    pos += size
                    length = size if raw.isascii() else utf16_length(raw)
                elif kind == DELETED:
                    length, pos = read_varint(data, pos)
                else:
                    reader = READERS.get(kind)
                    if reader is None:
                        raise self._no_content(info)
                    length, pos = reader(data, pos, max_depth)
            if length == 0:
                raise malformed("a struct without length")
            clock += length
        run = Run(client, first_clock, clock, seen, data[first_pos:pos], waits, marks)
        self.runs.append(run)
        return pos, clock, count - seen

    def _skip_root_parent(self, pos: int) -> tuple[int, int]:
        """Read what a parent is: (references that follow, position). The name of a root is skipped."""
        is_root = self._data[pos]
        if is_root == 1:
            return 0, skip_text(self._data, pos + 1)
        if is_root:
            raise malformed("a parent is neither a root nor a struct")
        return 1, pos + 1

    @staticmethod
    def _no_content(info: int) -> Exception:
        kind = info & 31
        if kind == SKIP:
            return malformed("a gap with flags")
        return unknown_content(f"there is no content {kind} in Yjs 13")


def scan_deletes(data: bytes, pos: int, limits: ScanLimits) -> tuple[list[ClockRange], int]:
    """The deletions at `pos`, as they stand there, and the position after them."""
    deletes: list[ClockRange] = []
    seen: set[int] = set()
    clients, pos = _read_count(data, pos, limits.max_clients, "clients with deletions")
    ranges_left = limits.max_delete_ranges
    for _ in range(clients):
        client, pos = read_varint(data, pos)
        if client in seen:
            raise malformed("a client twice")
        seen.add(client)
        count, pos = _read_count(data, pos, ranges_left, "deletions")
        ranges_left -= count
        for _ in range(count):
            clock, pos = read_varint(data, pos)
            length, pos = read_varint(data, pos)
            # Yjs ignores an empty range, and so do we: nothing is relayed that was not written anew.
            if length:
                deletes.append((client, clock, clock + length))
    return deletes, pos
