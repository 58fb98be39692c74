"""One client's structs written anew: what is deleted without its content, what follows on in one piece.

Owns three rules. Deleted content becomes a tombstone with the same head; what stands in a deleted type
becomes GC; neighbours join where the second hangs on the first's last clock and both have the same right
origin. Structs are cut at the borders of deletions first. Source: Yjs `structs/Item.js` (`gc`, `mergeWith`),
`utils/Transaction.js`.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from collab_server.updates.compaction.structs import FOLLOWS, KIND, NOWHERE, ClientStructs
from collab_server.updates.content import ANY, DELETED, GC, JSON, STRING
from collab_server.updates.run import MARK_EVERY
from collab_server.updates.section import HAS_ORIGIN, HAS_PARENT_SUB
from collab_server.updates.text import slice_text, utf16_length
from collab_server.updates.values import skip_values
from collab_server.updates.varint import read_varint, varint

_GC_INFO = bytes((GC,))
_FLAGS = 0xE0
_JOINED = frozenset((DELETED, STRING, ANY, JSON))
_ANY_DEPTH = 1 << 31


class Written:
    """The structs of one client as they go into a base, and places to cut at; see `run.Place`."""

    __slots__ = ("clocks", "count", "counts", "data", "end", "offsets")

    def __init__(self) -> None:
        self.data = bytearray()
        self.count = 0
        self.end = 0
        self.clocks = array("I")
        self.offsets = array("Q")
        self.counts = array("I")

    def mark(self, clock: int) -> None:
        """Called before each struct."""
        if self.count and not self.count % MARK_EVERY:
            self.clocks.append(clock)
            self.offsets.append(len(self.data))
            self.counts.append(self.count)
        self.count += 1


class _Piece:
    """What may still grow: a struct or a part of one, and what was joined to it.

    `head` is all before the content but the info byte; `right` the right origin's bytes; `parts` the
    content without its length or count.
    """

    __slots__ = ("clock", "head", "info", "kind", "length", "parts", "right")

    def __init__(self, kind: int, clock: int, length: int, info: int, head: bytes, right: bytes) -> None:
        self.kind = kind
        self.clock = clock
        self.length = length
        self.info = info
        self.head = head
        self.right = right
        self.parts: list[bytes] = []


def rewrite(
    structs: ClientStructs, borders: Sequence[int], gone: Sequence[bool], parents: Sequence[int]
) -> Written:
    """`borders` are the client's deletions, start, end, start, end …; `gone` tells of each type whether
    what is in it goes; `parents` are what was deferred, by number."""
    return _Writer(structs, borders, gone, parents).run()


class _Writer:
    def __init__(
        self, structs: ClientStructs, borders: Sequence[int], gone: Sequence[bool], parents: Sequence[int]
    ) -> None:
        self._structs = structs
        self._data = bytes(structs.data)
        self._borders = borders
        self._gone = gone
        self._parents = parents
        self._written = Written()
        self._open: _Piece | None = None

    def run(self) -> Written:
        structs, data, borders = self._structs, self._data, self._borders
        infos, parents, contents, starts = structs.infos, structs.parents, structs.contents, structs.starts
        gone, resolved = self._gone, self._parents
        clocks = structs.clocks
        rows = len(clocks)
        # After the last row, so that each has a next one.
        clocks.append(structs.end)
        starts.append(len(data))
        at, last = 0, len(borders)
        for row in range(rows):
            clock, end = clocks[row], clocks[row + 1]
            info = infos[row]
            kind = info & KIND
            parent = parents[row]
            if parent < NOWHERE:
                parent = resolved[NOWHERE - 1 - parent]
            if kind == GC or parent == NOWHERE or (parent >= 0 and gone[parent]):
                self._add_gc(clock, end - clock)
                continue
            while at < last and borders[at + 1] <= clock:
                at += 2
            if kind == DELETED or (at < last and borders[at] <= clock and borders[at + 1] >= end):
                self._add(row, DELETED, clock, end, b"")
            elif at >= last or borders[at] >= end:
                self._add_alive(row, kind, clock, end, data[contents[row] : starts[row + 1]])
            else:
                self._add_parts(row, kind, clock, end, at)
        self._close()
        self._written.end = structs.end
        del clocks[rows], starts[rows]
        return self._written

    def _add_gc(self, clock: int, length: int) -> None:
        piece = self._open
        if piece is not None and piece.kind == GC:
            piece.length += length
            return
        self._close()
        self._open = _Piece(GC, clock, length, GC, b"", b"")

    def _add_parts(self, row: int, kind: int, clock: int, end: int, at: int) -> None:
        """A struct of which some is deleted, from border number `at` on."""
        borders, last = self._borders, len(self._borders)
        content = _Content(kind, self._data[self._structs.contents[row] : self._structs.starts[row + 1]])
        start = clock
        while start < end:
            if at >= last or borders[at] >= end:
                stop, deleted = end, False
            elif borders[at] > start:
                stop, deleted = borders[at], False
            else:
                stop, deleted = min(borders[at + 1], end), True
                at += 2
            if deleted:
                self._add(row, DELETED, start, stop, b"")
            else:
                self._add(row, kind, start, stop, content.slice(start - clock, stop - clock))
            start = stop

    def _add_alive(self, row: int, kind: int, clock: int, end: int, content: bytes) -> None:
        """A whole struct; `content` with its length or count."""
        if kind in _JOINED:
            _, pos = read_varint(content, 0)
            self._add(row, kind, clock, end, content[pos:])
            return
        self._close()
        start = self._structs.starts[row]
        self._written.mark(clock)
        self._written.data += self._data[start : self._structs.contents[row]]
        self._written.data += content

    def _add(self, row: int, kind: int, start: int, end: int, part: bytes) -> None:
        """A struct or a piece of one, whose kind can be joined or which is deleted."""
        structs, data = self._structs, self._data
        info = structs.infos[row]
        clock = structs.clocks[row]
        content = structs.contents[row]
        right = data[structs.rights[row] : content] if info & 0x40 else b""
        piece = self._open
        if (
            piece is not None
            and piece.kind == kind
            and (info & FOLLOWS or start > clock)
            and not (piece.info | info) & HAS_PARENT_SUB
            and piece.right == right
        ):
            piece.length += end - start
            piece.parts.append(part)
            return
        self._close()
        if start > clock:
            info |= HAS_ORIGIN
            head = structs.own + varint(start - 1) + right
        else:
            head = data[structs.starts[row] + 1 : content]
        self._open = piece = _Piece(kind, start, end - start, info & _FLAGS, head, right)
        piece.parts.append(part)

    def _close(self) -> None:
        """Write what has been joined so far."""
        piece, self._open = self._open, None
        if piece is None:
            return
        written = self._written
        written.mark(piece.clock)
        out = written.data
        if piece.kind == GC:
            out += _GC_INFO + varint(piece.length)
            return
        out.append(piece.info | piece.kind)
        out += piece.head
        if piece.kind == STRING:
            text = b"".join(piece.parts)
            out += varint(len(text))
            out += text
        else:
            out += varint(piece.length)
            out += b"".join(piece.parts)


class _Content:
    """The content of one struct that is cut, without its length or count."""

    def __init__(self, kind: int, content: bytes) -> None:
        self._kind = kind
        count, pos = read_varint(content, 0)
        self._body = content[pos:]
        self._count = utf16_length(self._body) if kind == STRING else count

    def slice(self, start: int, end: int) -> bytes:
        """Units `start` to `end`."""
        if self._kind == STRING:
            return slice_text(self._body, start, end)
        first = self._skip(0, start)
        return self._body[first : self._skip(first, end - start)]

    def _skip(self, pos: int, count: int) -> int:
        if self._kind == ANY:
            return skip_values(self._body, pos, count, _ANY_DEPTH)
        for _ in range(count):
            size, pos = read_varint(self._body, pos)
            pos += size
        return pos
