"""The values that a journal takes and gives: what one row is and what it is called.

Owns the names and their limits. Knows nothing of files, SQL or what the data means.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collab_storage.errors import UnreadableError

#: Offsets are stored as signed 64-bit integers.
MAX_OFFSET = (1 << 63) - 1


class RecordKind(IntEnum):
    """What the data of a record is. The numbers are on disk: never reuse one."""

    #: A Yjs update (v1) accepted into a document.
    DELTA = 1
    #: A Yjs update (v1) that waits for something it names.
    HELD = 2
    #: One event of a channel.
    EVENT = 3


@dataclass(frozen=True, slots=True)
class StreamKey:
    """The address of one stream of records. `stream` is `doc`, `doc.held` or a channel's name."""

    tenant: str
    room: str
    stream: str


class Record(NamedTuple):
    """One row of a journal. Equal records are the same record; see `Journal.append`.

    A named tuple and not a dataclass: one is made for every edit of every quiet room.

    `offset` is at least 0 and grows within a stream, gaps allowed. `time` is wall seconds, for people;
    nothing is ordered by it. `authors` is what `authors.encode_authors` gives; a journal does not look
    inside.
    """

    tenant: str
    room: str
    stream: str
    offset: int
    kind: RecordKind
    data: bytes
    authors: bytes
    time: float

    @property
    def key(self) -> StreamKey:
        return StreamKey(self.tenant, self.room, self.stream)

    @property
    def size_bytes(self) -> int:
        """What counts against the page limit of `Journal.read`."""
        return len(self.data) + len(self.authors)


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a stream holds now. `size_bytes` is data and authors, not what they take on disk."""

    stream: str
    records: int
    size_bytes: int
    head: int


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that `verify` found wrong; the fields are None as far as they are unknown."""

    problem: str
    where: str
    tenant: str | None = None
    room: str | None = None
    stream: str | None = None
    offset: int | None = None

    @classmethod
    def of(cls, error: UnreadableError) -> Damage:
        return cls(
            problem=error.problem,
            where=error.where,
            tenant=error.tenant,
            room=error.room,
            stream=error.stream,
            offset=error.offset,
        )


def check_key(key: StreamKey) -> None:
    """Refuse with ValueError what no key may contain: an empty name, NUL, lone surrogates."""
    check_room(key.tenant, key.room)
    _check_name("stream", key.stream)


def check_room(tenant: str, room: str) -> None:
    """The same for what has no stream."""
    _check_name("tenant", tenant)
    _check_name("room", room)


def _check_name(what: str, name: str) -> None:
    if not name or "\0" in name:
        raise ValueError(f"{what} must not be empty or contain NUL: {name!r}")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{what} is not valid Unicode: {name!r}") from error
