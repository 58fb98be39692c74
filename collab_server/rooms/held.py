"""Parts of updates that wait for something missing: a client's previous clock, or a struct they name.

Owns the waiting: bounded, by session, expiring. What is complete is decided by the index alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from collab_server.rooms.member import Member
from collab_server.types import StateVector
from collab_server.updates import Run

#: What a waiting run costs in memory beside its bytes.
_RUN_BYTES = 200


def held_size(update_bytes: int, runs: int) -> int:
    """What a part counts against the bound."""
    return update_bytes + _RUN_BYTES * runs


@dataclass(slots=True)
class HeldPart:
    """What one update left waiting. `offset` names its row in the journal; `depth` is that of the update;
    `expires_at` is None while its session lives."""

    offset: int
    user: str
    owner: Member | None
    structs: Sequence[Run]
    size_bytes: int
    #: Per client the least clock at which it is worth to try again.
    waits_for: StateVector
    depth: int
    expires_at: float | None = None


class HeldParts:
    """All waiting parts of a room, bounded in bytes."""

    def __init__(self, max_bytes: int, *, head: int) -> None:
        self._max_bytes = max_bytes
        self._parts: dict[int, HeldPart] = {}
        self._next_offset = head + 1
        self.size_bytes = 0
        #: The depths of all parts: at most so many of their types lie in each other.
        self.depth = 0

    def __len__(self) -> int:
        return len(self._parts)

    def fits(self, size_bytes: int) -> bool:
        return self.size_bytes + size_bytes <= self._max_bytes

    def next_offset(self) -> int:
        offset = self._next_offset
        self._next_offset += 1
        return offset

    def add(self, part: HeldPart) -> None:
        self._parts[part.offset] = part
        self.size_bytes += part.size_bytes
        self.depth += part.depth
        self._count(part, len(part.structs))

    def remove(self, part: HeldPart) -> None:
        del self._parts[part.offset]
        self.size_bytes -= part.size_bytes
        self.depth -= part.depth
        self._count(part, -len(part.structs))

    def shrink(self, part: HeldPart, structs: Sequence[Run], waits_for: StateVector) -> None:
        """Some of a part went; `structs` still wait. Its bytes count until all of it has gone."""
        self._count(part, len(structs) - len(part.structs))
        part.structs = structs
        part.waits_for = waits_for

    def waiting_for(self, clients: Iterable[int], state: StateVector) -> Iterator[HeldPart]:
        """Parts that may go now that these clients have advanced to where `state` has them."""
        advanced = set(clients)
        for part in list(self._parts.values()):
            waits_for = part.waits_for
            if any(waits_for[client] <= state[client] for client in advanced.intersection(waits_for)):
                yield part

    def abandon(self, owner: Member, expires_at: float) -> None:
        """The session has left; its parts stay for a while, another replica may bring what they need."""
        for part in self._parts.values():
            if part.owner is owner:
                part.owner = None
                part.expires_at = expires_at

    def expired(self, now: float) -> list[HeldPart]:
        parts = self._parts.values()
        return [part for part in parts if part.expires_at is not None and part.expires_at <= now]

    @staticmethod
    def _count(part: HeldPart, structs: int) -> None:
        if part.owner is not None:
            part.owner.held += structs
