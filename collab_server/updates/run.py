"""The values of this package: a run of structs, an update that was scanned, what an index took of it.

Knows nothing of the format inside `data`; `trim` does.
"""

from __future__ import annotations

from collections.abc import Sequence

from collab_server.types import ClockRange

#: The struct that begins at `clock` needs the clocks of `client` before `end`: (clock, client, end).
Wait = tuple[int, int, int]

#: The struct at `clock` stands in the type at `end - 1` of `client`, or in what is no type: as a `Wait`.
Parent = tuple[int, int, int]

#: Place of a struct inside a run: (clock, offset in its bytes, number of structs before it).
Place = tuple[int, int, int]

#: Every run and every client of a `Tail` has a mark at least this often, in structs.
MARK_EVERY = 16


class Run:
    """Whole consecutive structs of one client, as one slice of bytes. Never changed once made.

    `clock` is the first one, `end` the one after the last, `count` the structs in `data`. `waits` names what
    the structs need of *other* clients, in order of their clocks. `marks` are places to cut at without
    walking from the start, at most `MARK_EVERY` structs apart; the start itself has none. `types` is at least
    the number of types among the structs, `parents` those that name a parent by id; a part of a run keeps
    both.
    """

    __slots__ = ("client", "clock", "count", "data", "end", "marks", "parents", "types", "waits")

    def __init__(
        self,
        client: int,
        clock: int,
        end: int,
        count: int,
        data: bytes,
        waits: Sequence[Wait] = (),
        marks: Sequence[Place] = (),
        types: int = 0,
        parents: Sequence[Parent] = (),
    ) -> None:
        self.client = client
        self.clock = clock
        self.end = end
        self.count = count
        self.data = data
        self.waits = waits
        self.marks = marks
        self.types = types
        self.parents = parents

    def __repr__(self) -> str:
        return f"Run(client={self.client}, clock={self.clock}, end={self.end}, count={self.count})"


class Update:
    """What a scan found: runs between the gaps, in the order of the bytes, and the deletions as they came.

    Deletions may overlap, come in any order and name clocks far beyond any document. `depth` is at least the
    number of types of the update that lie in each other, `deletes_at` where its deletions stand in its
    bytes, if that is known.
    """

    __slots__ = ("deletes", "deletes_at", "depth", "structs")

    def __init__(
        self, structs: Sequence[Run], deletes: Sequence[ClockRange], depth: int = 0, deletes_at: int = 0
    ) -> None:
        self.structs = structs
        self.deletes = deletes
        self.depth = depth
        self.deletes_at = deletes_at

    def __repr__(self) -> str:
        return f"Update(structs={self.structs!r}, deletes={self.deletes!r})"


class Accepted:
    """What an index took of an update.

    `runs` are new, each contiguous with what the index had of its client before; `held` is ahead of
    something missing; `deletes` are new and clipped to known clocks; `dropped_deletes` says that some named
    unknown ones.
    """

    __slots__ = ("deletes", "dropped_deletes", "held", "runs")

    def __init__(
        self,
        runs: Sequence[Run],
        held: Sequence[Run] = (),
        deletes: Sequence[ClockRange] = (),
        dropped_deletes: bool = False,
    ) -> None:
        self.runs = runs
        self.held = held
        self.deletes = deletes
        self.dropped_deletes = dropped_deletes
