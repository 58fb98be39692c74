"""What a room answers its caller with: plain values."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from collab_server.rooms.member import Member
from collab_server.updates import Index

#: Who made a delta: user id → the client ids that they used.
Authors = dict[str, set[int]]


@dataclass(frozen=True, slots=True)
class Delta:
    """All that was accepted since the flush before, as one canonical update.

    `version` is its offset in the journal; `sole_author` is set if all of it came from one session; `since`
    is when the first of it came, in the caller's time.
    """

    version: int
    update: bytes
    authors: Authors
    sole_author: Member | None
    since: float


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A part that began to wait, to be journaled apart from the deltas."""

    offset: int
    update: bytes
    authors: Authors


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `receive` found: anything new, anything that waits now, who is to be asked with step 1, and how
    many runs had to be dropped because too much waits already."""

    changed: bool = False
    held: bool = False
    ask: Collection[Member] = ()
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes in memory: of the index, of the tail, of what waits."""

    index: int
    tail: int
    held: int

    @property
    def total(self) -> int:
        return self.index + self.tail + self.held


class NeedsAudit(Exception):
    """More types than may lie in each other unseen: the update waits until the room was compacted."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the document had at a version. `depth` is what of its types an audit of it covers."""

    version: int
    index: Index
    depth: int
