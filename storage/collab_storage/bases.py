"""The port `Bases`: what every store of compacted documents promises, and the values that it takes and gives.

Knows no adapter and not what the bytes mean. `acceptance_bases.py` is the executable form of this text;
`FORMAT.md` is the form on disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from collab_storage.records import Damage, check_room

#: The data of a base is cut into chunks of so many bytes; the last one may be shorter.
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Base:
    """The compacted state of a document as it was at `offset` of its stream `doc`.

    `offset` is at least 0. `id` is the store's number, never used again. `head` is what a room needs to open;
    the store does not look inside. `time` is wall seconds, for people.
    """

    tenant: str
    room: str
    id: int
    offset: int
    head: bytes = field(repr=False)
    size_bytes: int
    table_bytes: int
    time: float

    @property
    def chunks(self) -> int:
        """How many chunks its data has."""
        return -(-self.size_bytes // CHUNK_BYTES)

    def chunk_bytes(self, number: int) -> int:
        """The length of a chunk. Raises ValueError for a number that the base does not have."""
        if not 0 <= number < self.chunks:
            raise ValueError(f"chunk {number} of a base of {self.chunks} chunks")
        return min(CHUNK_BYTES, self.size_bytes - number * CHUNK_BYTES)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Bytes that could not be used, kept for people: what, why and when. `id` is never used again.

    `offset` is where in stream `doc` they belong, -1 if that is unknown.
    """

    tenant: str
    room: str
    id: int
    offset: int
    reason: str
    size_bytes: int
    time: float


class Bases(Protocol):
    """Bases by room, several of one room side by side, and what was put in quarantine.

    Workers write while this is open (`sqlite.write_base`, `sqlite.quarantine`); every call sees what was
    written before it. Every call may raise `UnavailableError` (later is fine) and `UnreadableError` (damage,
    naming room and file).

    Cancellation: a call that changes something finishes once it has started, whether or not the caller still
    waits. A cancelled read changes nothing.
    """

    async def open(self) -> None:
        """Make ready: create what is absent, finish what was interrupted, upgrade an older format.

        Raises NewerFormatError, ForeignFileError, UnreadableError. After an error nothing is left open.
        """

    async def close(self) -> None:
        """Finish what was started and let go of everything. May be called again, and without `open`."""

    async def newest(self, tenant: str, room: str) -> Base | None:
        """The base of a room that covers most, verified; None if there is none."""

    async def table(self, base: Base) -> bytes:
        """What was written as the table of a base, verified. Raises GoneError if the base was dropped."""

    async def chunk(self, base: Base, number: int) -> bytes:
        """`base.chunk_bytes(number)` bytes of its data from `number * CHUNK_BYTES`, verified.

        Raises GoneError if the base was dropped meanwhile: ask for the newest again. Raises ValueError for a
        number that it does not have.
        """

    async def drop_older(self, tenant: str, room: str, *, than: int) -> None:
        """Drop the bases of a room that cover less than offset `than`. Repeatable."""

    async def check(self, base: Base) -> None:
        """Read all of a base anew. Raises UnreadableError if it is not as it was written, GoneError."""

    async def drop(self, base: Base) -> None:
        """Drop one base, which nobody may use; the newest is then the one before it. Repeatable."""

    async def rooms(self, tenant: str, prefix: str = "", *, after: str = "", limit: int = 1000) -> list[str]:
        """Names of rooms with a base that begin with `prefix`, as `Journal.rooms` lists its own."""

    async def quarantined(
        self, tenant: str, room: str, *, after: int = 0, limit: int = 1000
    ) -> list[Quarantined]:
        """What of a room is in quarantine, in order of id, after id `after`; without the bytes."""

    async def quarantined_data(self, entry: Quarantined) -> bytes:
        """The bytes of an entry, verified. Raises GoneError if the room was deleted meanwhile."""

    async def delete_room(self, tenant: str, room: str) -> None:
        """Forget a room, its bases and its quarantine, all or nothing. Repeatable.

        A worker that still writes a base of the room would bring it back: end it first.
        """

    async def verify(self) -> list[Damage]:
        """Read everything and report each thing that is wrong, raising nothing for it."""


def check_base(tenant: str, room: str, offset: int) -> None:
    """Refuse with ValueError what no base may have."""
    check_room(tenant, room)
    if offset < 0:
        raise ValueError(f"a base covers at least offset 0, not {offset}")


def cut(data: Iterable[bytes], size: int = CHUNK_BYTES) -> Iterator[bytes]:
    """The same bytes in pieces of `size`, the last one shorter; none if there are no bytes."""
    pending = bytearray()
    for piece in data:
        view, start = memoryview(piece), 0
        while len(pending) + len(view) - start >= size:
            end = start + size - len(pending)
            yield b"".join((pending, view[start:end]))
            pending, start = bytearray(), end
        pending += view[start:]
    if pending:
        yield bytes(pending)
