"""Every struct of a document as rows of a few columns, by client: what compaction looks at.

Owns the reading. The updates come in the order in which they were accepted, so each struct follows its
client's last one and each reference names something that is read by the end of the same update. What is
read was checked before (`scan`, and a checksum on disk): here only what would make the columns wrong is an
error.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right

from collab_server.types import StateVector
from collab_server.updates.content import DELETED, GC, READERS, SKIP, STRING, TYPE
from collab_server.updates.deletions import scan_deletes
from collab_server.updates.limits import STORED_LIMITS
from collab_server.updates.ranges import DeletedRanges
from collab_server.updates.refusal import malformed
from collab_server.updates.section import HAS_ORIGIN, HAS_PARENT_SUB, HAS_REFERENCE, HAS_RIGHT_ORIGIN
from collab_server.updates.text import utf16_length
from collab_server.updates.varint import client_varint, read_varint

#: Beside the flags and the kind in `ClientStructs.infos`: the origin is the client's clock before this one.
#: Kinds end at 10, so the bit is free.
FOLLOWS = 0x10
KIND = 0x0F

#: Parents that are no type: the struct stands in a root, or what it hangs on is no type and Yjs makes GC of
#: it.
ROOT, NOWHERE = -1, -2
#: `_DEFERRED - n`: the parent is that of a struct which comes later in the same update, see
#: `Document.deferred`.
_DEFERRED = -3
_ANY_DEPTH = 1 << 31


class ClientStructs:
    """The structs of one client. Row i covers the clocks from `clocks[i]` to those of the next row, or `end`.

    `starts`, `rights` and `contents` are offsets in `data`: of the struct, of its right origin (of its
    content, if it has none) and of its content. `parents` are numbers of types.
    """

    __slots__ = ("clocks", "contents", "data", "end", "infos", "own", "parents", "rights", "starts")

    def __init__(self, client: int) -> None:
        self.own = client_varint(client)
        self.data = bytearray()
        self.end = 0
        self.clocks = array("I")
        self.starts = array("I")
        self.rights = array("I")
        self.contents = array("I")
        self.infos = bytearray()
        self.parents = array("i")

    def leave_out(self, clock: int) -> None:
        """A row for what is missing before `clock`."""
        for column, value in (
            (self.clocks, self.end),
            (self.starts, len(self.data)),
            (self.rights, len(self.data)),
            (self.contents, len(self.data)),
            (self.parents, ROOT),
        ):
            column.append(value)
        self.infos.append(SKIP)
        self.end = clock

    def row(self, clock: int) -> int:
        """The row of a clock below `end`."""
        return bisect_right(self.clocks, clock) - 1


class Document:
    """All structs and deletions of the updates that were read.

    Of a part, clocks may be missing anywhere; what stands in them counts as a root.
    """

    def __init__(self, *, is_part: bool = False) -> None:
        self._is_part = is_part
        self._unknown = ROOT if is_part else NOWHERE
        self.clients: dict[int, ClientStructs] = {}
        self.deletes = DeletedRanges()
        #: (client, clock) of each type, in the order of their numbers; and back.
        self.types: list[tuple[int, int]] = []
        self.numbers: dict[tuple[int, int], int] = {}
        #: What decides the parent of a struct and stands later in its update: is it the parent itself,
        #: client, clock.
        self.deferred: list[tuple[bool, int, int]] = []

    @property
    def state(self) -> StateVector:
        return {client: structs.end for client, structs in self.clients.items()}

    def read(self, update: bytes) -> None:
        """Take the next update. Raises InvalidUpdate; the document is of no use afterwards."""
        try:
            pos = self._read_sections(update)
            deletes, pos = scan_deletes(update, pos, STORED_LIMITS)
        except IndexError:
            raise malformed("the update ends too early") from None
        if pos != len(update):
            raise malformed("the update does not end where its bytes do")
        if self._is_part:
            return  # what is deleted now was there before
        by_client: dict[int, list[tuple[int, int]]] = {}
        for client, start, end in deletes:
            by_client.setdefault(client, []).append((start, end))
        for client, ranges in by_client.items():
            self.deletes.add_many(client, ranges)

    def _read_sections(self, update: bytes) -> int:
        sections, pos = read_varint(update, 0)
        for _ in range(sections):
            count, pos = read_varint(update, pos)
            client, pos = read_varint(update, pos)
            clock, pos = read_varint(update, pos)
            structs = self.clients.get(client)
            if structs is None:
                structs = self.clients[client] = ClientStructs(client)
            if self._is_part and clock > structs.end:
                structs.leave_out(clock)
            if clock != structs.end:
                raise malformed(f"clock {clock} does not follow clock {structs.end} of its client")
            start, shift = pos, len(structs.data) - pos
            pos = self._read_section(update, pos, shift, count, client, structs)
            structs.data += update[start:pos]
        return pos

    def _read_section(  # noqa: C901
        self, data: bytes, pos: int, shift: int, count: int, client: int, structs: ClientStructs
    ) -> int:
        """Read `count` structs; the position after them. `shift` leads from there to the client's own
        offsets.

        One loop instead of a function for each struct: the calls would cost more than the reading. To read
        the origins elsewhere alone made a paper of 11,000 structs 4 to 9 % slower.
        """
        clock, own = structs.end, structs.own
        own_size = len(own)
        add_clock, add_start, add_right = structs.clocks.append, structs.starts.append, structs.rights.append
        add_content, add_info, add_parent = (
            structs.contents.append,
            structs.infos.append,
            structs.parents.append,
        )
        parents = structs.parents
        for _ in range(count):
            info = data[pos]
            kind = info & 31
            add_clock(clock)
            add_start(pos + shift)
            pos += 1
            right = 0
            if info & HAS_ORIGIN:
                if data.startswith(own, pos):
                    other = client
                    pos += own_size
                else:
                    other, pos = read_varint(data, pos)
                named, pos = read_varint(data, pos)
                if named == clock - 1 and other == client:
                    info |= FOLLOWS
                    parent = parents[-1]
                else:
                    parent = self._parent_beside(structs, client, other, named)
                if info & HAS_RIGHT_ORIGIN:
                    right = pos
                    _, pos = read_varint(data, pos)
                    _, pos = read_varint(data, pos)
            elif info & HAS_RIGHT_ORIGIN:
                right = pos
                other, pos = read_varint(data, pos)
                named, pos = read_varint(data, pos)
                parent = self._parent_beside(structs, client, other, named)
            elif kind == GC:
                parent = NOWHERE
            elif kind == SKIP:
                parent = ROOT
            else:
                parent, pos = self._read_parent(data, pos, info, client, clock)
            add_right((right or pos) + shift)
            add_content(pos + shift)
            add_info(info)
            add_parent(parent)
            if kind == STRING:
                size, pos = read_varint(data, pos)
                raw = data[pos : pos + size]
                pos += size
                length = size if raw.isascii() else utf16_length(raw)
            elif kind <= DELETED:  # or GC
                length, pos = read_varint(data, pos)
            else:
                length, pos = self._read_content(data, pos, kind, client, clock)
            clock += length
            structs.end = clock
        return pos

    def _read_content(self, data: bytes, pos: int, kind: int, client: int, clock: int) -> tuple[int, int]:
        """The rarer ones: length in clocks and the position after it."""
        if kind == TYPE:
            self.numbers[client, clock] = len(self.types)
            self.types.append((client, clock))
        elif kind == SKIP and self._is_part:
            return read_varint(data, pos)
        elif kind not in READERS:
            raise malformed(f"a stored update has content {kind}")
        return READERS[kind](data, pos, _ANY_DEPTH)

    def _parent_beside(self, structs: ClientStructs, client: int, other: int, named: int) -> int:
        """The parent of a struct that stands beside the one with clock `named` of client `other`."""
        if other != client:
            found = self.clients.get(other)
            if found is None or named >= found.end:
                return self._defer(False, other, named)
            structs = found
        return structs.parents[bisect_right(structs.clocks, named) - 1]

    def _read_parent(self, data: bytes, pos: int, info: int, client: int, clock: int) -> tuple[int, int]:
        """The parent that a struct names, and the position after it and the key in it."""
        is_root = data[pos]
        pos += 1
        if is_root:
            size, pos = read_varint(data, pos)
            pos += size
            parent = ROOT
        else:
            other, pos = read_varint(data, pos)
            named, pos = read_varint(data, pos)
            found = self.clients.get(other)
            if found is None or named >= found.end:
                parent = self._defer(True, other, named)
            else:
                parent = self.numbers.get((other, named), self._unknown)
        if info & HAS_PARENT_SUB and not info & HAS_REFERENCE:
            size, pos = read_varint(data, pos)
            pos += size
        return parent, pos

    def _defer(self, is_parent: bool, client: int, clock: int) -> int:
        self.deferred.append((is_parent, client, clock))
        return _DEFERRED - len(self.deferred) + 1

    def resolve(self) -> list[int]:
        """The parents of what was deferred, by its number."""
        found: list[int | None] = [None] * len(self.deferred)
        for number in range(len(self.deferred)):
            chain: list[int] = []
            parent = _DEFERRED - number
            while parent <= _DEFERRED:
                at = _DEFERRED - parent
                known = found[at]
                if known is not None:
                    parent = known
                    break
                chain.append(at)
                # What names itself in a circle was never accepted; it must not hang the worker all the same.
                found[at] = NOWHERE
                parent = self._look_up(*self.deferred[at])
            for at in chain:
                found[at] = parent
        return [NOWHERE if parent is None else parent for parent in found]

    def _look_up(self, is_parent: bool, client: int, clock: int) -> int:
        structs = self.clients.get(client)
        if structs is None or clock >= structs.end:
            if self._is_part:
                return ROOT
            raise malformed("a stored update names what is in none")
        if is_parent:
            return self.numbers.get((client, clock), self._unknown)
        return structs.parents[structs.row(clock)]


def deferred_number(parent: int) -> int:
    """Which of `Document.resolve` a parent below `NOWHERE` means."""
    return _DEFERRED - parent
