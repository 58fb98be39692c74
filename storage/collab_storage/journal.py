"""The port `Journal`: what every store of records promises, whatever it is made of.

Knows no adapter. `acceptance.py` is the executable form of this text; `FORMAT.md` is the form on disk.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from collab_storage.records import Damage, Record, StreamInfo, StreamKey

#: Bytes of data and authors that one call of `read` returns at most, unless a single record is larger.
DEFAULT_PAGE_BYTES = 1 << 20


class Journal(Protocol):
    """Streams of records, appended in groups, read in order of offset.

    One process writes. Calls may overlap; they take effect one after the other, appends in the order of their
    calls. Every call may raise `UnavailableError` (later is fine) and `UnreadableError` (damage, named).

    Cancellation: a call that changes something finishes once it has started, whether or not the caller still
    waits; a cancelled caller does not know the outcome. A cancelled read changes nothing.
    """

    async def open(self) -> None:
        """Make ready: create what is absent, finish what was interrupted, upgrade an older format.

        Raises NewerFormatError, ForeignFileError, UnreadableError. After an error nothing is left open.
        """

    async def close(self) -> None:
        """Finish what was started and let go of everything. May be called again, and without `open`."""

    async def append(self, records: Sequence[Record]) -> None:
        """Store all of `records` in one atomic commit and return when they are durable, or none.

        Within a stream, offsets grow: in the batch, and over everything the stream ever held. The one
        exception makes an append repeatable: a record that the stream already holds, equal in every field, is
        accepted silently. So after an error or a cancellation, whose outcome is unknown, the writer sends the
        same records again. Raises ConflictError for any other record at or below the head; nothing of the
        batch is stored then.

        After an `UnavailableError` the next append does not rely on the file handles that failed.
        """

    async def read(
        self, key: StreamKey, after: int = -1, *, max_bytes: int = DEFAULT_PAGE_BYTES
    ) -> list[Record]:
        """The records of a stream after offset `after`, in order, as many as fit `max_bytes`.

        At least one if there is one; empty at the end. The next page starts after the last offset of this.
        What was appended before the call is seen. Raises UnreadableError, naming room and file, for a record
        that is not as it was written and for one that is missing.
        """

    async def head(self, key: StreamKey) -> int | None:
        """The highest offset that the stream ever held, removed ones included; None if there was none."""

    async def remove(self, key: StreamKey, *, upto: int) -> None:
        """Drop every record of the stream at or below offset `upto`. The head stays. Repeatable."""

    async def remove_offsets(self, key: StreamKey, offsets: Collection[int]) -> None:
        """Drop single records, all or none. Offsets that hold nothing are passed over. The head stays.
        Repeatable.
        """

    async def rooms(self, tenant: str, prefix: str = "", *, after: str = "", limit: int = 1000) -> list[str]:
        """Names of rooms that begin with `prefix`, in order of their code points, after the name `after`.

        A room is listed from its first record until `delete_room`, even when all its records were removed.
        """

    async def streams(self, tenant: str, room: str) -> list[StreamInfo]:
        """What each stream of a room holds, in order of name; empty for an unknown room."""

    async def delete_room(self, tenant: str, room: str) -> None:
        """Forget a room, its streams and their heads, all or nothing. Repeatable."""

    async def verify(self) -> list[Damage]:
        """Read everything and report each thing that is wrong, raising nothing for it."""
