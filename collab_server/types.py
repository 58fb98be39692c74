"""Values that every layer names: who somebody is and which room is meant."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

DEFAULT_TENANT = "default"

#: Streams of a room in the journal: accepted deltas, and updates that wait for something missing.
DOCUMENT_STREAM = "doc"
HELD_STREAM = "doc.held"

#: Clock range of one client: (client id, first clock, clock after the last). Half open, as in Yjs.
ClockRange = tuple[int, int, int]

#: State vector: client id → next clock expected from that client.
StateVector = dict[int, int]


class Job(StrEnum):
    """What worker processes do; `engine.jobs` has a function for each."""

    COMPACT = "compact"
    TRY_COMPACTION = "try_compaction"
    PREVIEW = "preview"
    SCAN = "scan"


class RoomOrder(StrEnum):
    """What makes a room one of the first when the busiest are asked for."""

    BYTES = "bytes"
    SESSIONS = "sessions"
    EDITS = "edits"


class Permission(StrEnum):
    """What a session may do in its room."""

    READ = "read"
    WRITE = "write"
    CHAT = "chat"
    MODERATE = "moderate"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class RoomKey:
    """The one address of a room: which tenant, which canonical room name."""

    tenant: str
    room: str

    def __str__(self) -> str:
        return f"{self.tenant}/{self.room}"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a session acts for, as the authenticator decided it."""

    tenant: str
    user: str
    name: str
    permissions: frozenset[Permission]
    #: The server made the user id up; a client may say which one it was given before.
    made_up: bool = False
