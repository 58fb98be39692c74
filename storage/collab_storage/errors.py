"""The exception tree of `collab_storage`: failures, told apart by what the caller should do.

Owns no recovery and no logging. Absent is never an error here: it is a return value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collab_storage.records import Record


class StorageError(Exception):
    """Base of every error that this package raises on purpose."""


class UnavailableError(StorageError):
    """The store cannot serve this now: full disk, I/O error, busy file. Trying again later is right.

    For an append the outcome is unknown; the same batch may be sent again (see `Journal.append`).
    """


class UnreadableError(StorageError):
    """What is stored cannot be what was written. Never to be treated as an empty document.

    `where` names the file or object; `tenant`, `room`, `stream` and `offset` say what is damaged as far as
    known.
    """

    def __init__(
        self,
        problem: str,
        *,
        where: str,
        tenant: str | None = None,
        room: str | None = None,
        stream: str | None = None,
        offset: int | None = None,
    ) -> None:
        subject = "" if room is None else f"room {room!r} of tenant {tenant!r}"
        if stream is not None:
            subject += f", stream {stream!r}"
        if offset is not None:
            subject += f", offset {offset}"
        super().__init__(f"{where}: {subject + ': ' if subject else ''}{problem}")
        self.problem = problem
        self.where = where
        self.tenant = tenant
        self.room = room
        self.stream = stream
        self.offset = offset


class GoneError(StorageError):
    """What the caller was told of has been dropped since. Asking anew from the start is right."""

    def __init__(self, what: str, *, where: str, tenant: str, room: str) -> None:
        super().__init__(f"{where}: room {room!r} of tenant {tenant!r}: {what} was dropped meanwhile")
        self.where = where
        self.tenant = tenant
        self.room = room


class ConflictError(StorageError):
    """A record was appended at an offset that is taken or passed by something else. A bug of the writer."""

    def __init__(self, *, tenant: str, room: str, stream: str, offset: int) -> None:
        super().__init__(
            f"room {room!r} of tenant {tenant!r}, stream {stream!r}: "
            f"offset {offset} is taken or passed by something else"
        )
        self.tenant = tenant
        self.room = room
        self.stream = stream
        self.offset = offset

    @classmethod
    def of(cls, record: Record) -> ConflictError:
        return cls(tenant=record.tenant, room=record.room, stream=record.stream, offset=record.offset)


class NewerFormatError(StorageError):
    """The store was written by a later version of this package; this one must not touch it."""

    def __init__(self, *, where: str, found: int, known: int) -> None:
        super().__init__(
            f"{where} has format {found}, this version knows formats up to {known}: "
            "start the newer server, or restore the copy made before the upgrade"
        )
        self.where = where
        self.found = found
        self.known = known


class ForeignFileError(StorageError):
    """The file exists and is somebody else's; it is left as it is."""


class LockedError(StorageError):
    """Another server holds the data directory. `holder` says which."""

    def __init__(self, *, path: str, holder: str) -> None:
        super().__init__(f"{path} is in use by another server: {holder}")
        self.path = path
        self.holder = holder
