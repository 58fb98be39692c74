"""What the roots of a document are, read off its structs: Yjs does not store it, applications know it.

Owns the inference alone: a key in a root makes a map, characters and formats a text, XML types a fragment,
anything else an array. Needs no integration: a struct's parent is named by itself or by the one it hangs on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from collab_server.types import StateVector
from collab_server.updates.content import DELETED, EMBED, FORMAT, GC, STRING, TYPE
from collab_server.updates.run import Run
from collab_server.updates.section import HAS_PARENT_SUB, HAS_REFERENCE
from collab_server.updates.text import read_text
from collab_server.updates.trim import content_start, struct_end
from collab_server.updates.varint import read_varint

#: Type refs of XML: element, fragment, hook, text.
_XML_TYPES = frozenset((3, 4, 5, 6))

_KEY, _TEXT, _XML, _VALUE = 1, 2, 4, 8

#: Root and whether a key of it is meant; the struct whose place it shares; None for what lies in no root.
_Struct = tuple[int, int]
_Place = tuple[str, bool] | _Struct | None


class Sequence(StrEnum):
    """What the ordered part of a root is."""

    TEXT = "text"
    FRAGMENT = "fragment"
    ARRAY = "array"


@dataclass(frozen=True, slots=True)
class Root:
    """One root: its ordered part, if it ever had one, and whether it has keys. Neither: all is erased."""

    sequence: Sequence | None
    has_keys: bool


class Outline:
    """Reads run after run, in the order in which a journal has them; then `roots` may be asked."""

    def __init__(self) -> None:
        # Where the structs of a client lie: the clocks at which that changes, and the place from there on.
        self._clocks: dict[int, list[int]] = {}
        self._places: dict[int, list[_Place]] = {}
        self._evidence: dict[_Place, int] = {}
        self.state: StateVector = {}

    def add(self, runs: Iterable[Run]) -> None:
        """Take in the runs of one update that was scanned."""
        for run in runs:
            clock, pos = run.clock, 0
            while clock < run.end:
                length, end = struct_end(run.data, pos)
                self._add(run.client, clock, run.data, pos)
                clock, pos = clock + length, end
            self.state[run.client] = max(run.end, self.state.get(run.client, 0))

    def _add(self, client: int, clock: int, data: bytes, pos: int) -> None:
        kind = data[pos] & 31
        place = None if kind == GC else self._place(client, data, pos)
        clocks = self._clocks.setdefault(client, [])
        places = self._places.setdefault(client, [])
        if not places or places[-1] != place:
            clocks.append(clock)
            places.append(place)
        if place is not None:
            self._evidence[place] = self._evidence.get(place, 0) | _evidence(data, pos)

    def _place(self, client: int, data: bytes, pos: int) -> _Place:
        """Where the struct at `pos` lies: beside the one that it hangs on, or where it says itself."""
        info = data[pos]
        pos += 1
        if info & HAS_REFERENCE:
            # The origin comes first where there is one, and either is a neighbour in the same parent.
            other, pos = read_varint(data, pos)
            clock, pos = read_varint(data, pos)
            return self._found(other, clock) if other == client else (other, clock)
        if data[pos] != 1:
            return None
        root, pos = read_text(data, pos + 1)
        return root, bool(info & HAS_PARENT_SUB)

    def _found(self, client: int, clock: int) -> _Place:
        clocks = self._clocks.get(client, [])
        at = bisect_right(clocks, clock)
        return self._places[client][at - 1] if at else None

    def roots(self) -> Mapping[str, Root]:
        """Every root that was named, in order of name."""
        evidence: dict[str, int] = {}
        for place, found in self._evidence.items():
            match self._resolve(place):
                case str(root), bool(keyed):
                    evidence[root] = evidence.get(root, 0) | (_KEY if keyed else found)
        return {root: _root(evidence[root]) for root in sorted(evidence)}

    def _resolve(self, place: _Place) -> _Place:
        """Follow references between clients to a root; None if they lead to none, or round in a circle."""
        seen: set[_Place] = set()
        while place is not None and isinstance(place[0], int):
            if place in seen:
                return None
            seen.add(place)
            place = self._found(place[0], place[1])
        return place


def _evidence(data: bytes, pos: int) -> int:
    """What the content of a struct says of the sequence that it lies in."""
    kind = data[pos] & 31
    if kind in (STRING, FORMAT, EMBED):
        return _TEXT
    if kind == DELETED:
        return 0
    if kind == TYPE:
        return _XML if data[content_start(data, pos)] in _XML_TYPES else _VALUE
    return _VALUE


def _root(evidence: int) -> Root:
    sequence = None
    if evidence & _TEXT:
        sequence = Sequence.TEXT
    elif evidence & _XML:
        sequence = Sequence.FRAGMENT
    elif evidence & _VALUE:
        sequence = Sequence.ARRAY
    return Root(sequence, bool(evidence & _KEY))
