"""The exception tree of `collab_server`: the remote's fault, ours, and the infrastructure's apart.

Layers below `runtime` raise only `RemoteError` and its kind; nothing here knows a socket or a log.
"""

from __future__ import annotations

from enum import StrEnum


class CollabError(Exception):
    """Base of every error that this package raises on purpose."""


class RemoteError(CollabError):
    """The remote sent what cannot be accepted; only its own session may suffer."""


class BadMessage(RemoteError):
    """A frame is not a message of the protocol. The session is closed as `bad_frame`."""


class BadRoomName(RemoteError):
    """A path is not the name of a room. Says what to change."""


class RefusalReason(StrEnum):
    """Why an update was refused; also the metric label."""

    MALFORMED = "malformed"
    UNKNOWN_CONTENT = "unknown_content"
    TOO_LARGE = "too_large"


class InvalidUpdate(RemoteError):
    """An update that no Yjs client must ever see. All of it is refused.

    `reason` MALFORMED means that no honest client sends such bytes (the session is closed as `bad_frame`);
    the other reasons leave the session open and are told to it as `rejected`.
    """

    def __init__(self, reason: RefusalReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class ConfigError(CollabError):
    """A setting is wrong; the text names it and says what would be right."""


class UnavailableError(CollabError):
    """The infrastructure cannot serve this now; trying again later is right."""


class RoomUnavailable(UnavailableError):
    """A room could not be opened; nothing was saved and nothing was lost."""


class WorkersBusy(UnavailableError):
    """A lane of the workers has no place for another job."""


class WorkersClosed(UnavailableError):
    """The workers are stopping; the job was not done, or its result is lost."""


class FailureKind(StrEnum):
    """Why a job failed; also the metric label."""

    #: The job said no: doing it again would end the same.
    REFUSED = "refused"
    CRASHED = "crashed"
    OUT_OF_MEMORY = "out_of_memory"
    DEADLINE = "deadline"
    #: No process could be had, or no file to hand over: the machine is short, the job was not at fault.
    UNAVAILABLE = "unavailable"


class JobFailed(CollabError):
    """A job of a worker process came to nothing, after it was tried again where that could help.

    `cause` is the name of the error that the job raised, if it was refused, or of the system's, as `EMFILE`,
    if no worker could be had. No text holds content.
    """

    def __init__(self, kind: FailureKind, message: str, *, cause: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.cause = cause
