"""The JSON envelopes of room channels (message type 100): bytes ↔ values, bounded.

Owns their syntax. Unknown fields are ignored; an unknown operation or a wrong type is an EnvelopeError, which
the session answers with a `nack` and never with a closed connection.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from collab_server.errors import RemoteError
from collab_server.types import Identity

PROTOCOL_VERSION = 1
MAX_ENVELOPE_BYTES = 16 * 1024
_MAX_CHANNELS = 16
_MAX_MARK = (1 << 53) - 1

NO_CHANNEL = "This room has no such channel."


class EnvelopeError(RemoteError):
    """An envelope that cannot be acted on: a code for programs, a sentence for people."""

    def __init__(self, code: str, message: str, *, channel: object = None, request: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        #: What the client named, so that it knows which of its requests was declined.
        self.channel = channel if isinstance(channel, str) else None
        self.request = request if isinstance(request, str) else None


@dataclass(frozen=True, slots=True)
class Hello:
    """The client speaks room channels; `channels` maps the names it wants to its positions."""

    user: str | None = None
    channels: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mark:
    """Asks to be told when everything sent before it is durable."""

    id: int


ClientEnvelope = Hello | Mark


def decode(data: bytes) -> ClientEnvelope:
    """Read what a client sent. Raises EnvelopeError."""
    if len(data) > MAX_ENVELOPE_BYTES:
        raise EnvelopeError("too_large", f"An envelope may hold {MAX_ENVELOPE_BYTES} bytes.")
    try:
        value = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise EnvelopeError("bad_json", "The envelope is not JSON.") from error
    if not isinstance(value, dict):
        raise EnvelopeError("bad_envelope", "The envelope is not a JSON object.")
    match value.get("op"):
        case "hello":
            return _hello(value)
        case "mark":
            return _mark(value)
        case "publish" | "leave":
            raise EnvelopeError(
                "unknown_channel", NO_CHANNEL, channel=value.get("ch"), request=value.get("id")
            )
        case "renew":
            raise EnvelopeError("unsupported", "This server takes no tokens, so there is none to renew.")
        case operation:
            raise EnvelopeError("unknown_op", f"The operation {str(operation)[:40]!r} is not known.")


def _hello(value: dict[str, Any]) -> Hello:
    if value.get("v", PROTOCOL_VERSION) != PROTOCOL_VERSION:
        raise EnvelopeError("unsupported_version", f"This server speaks version {PROTOCOL_VERSION}.")
    channels = value.get("channels", {})
    if not isinstance(channels, dict):
        raise EnvelopeError("bad_envelope", "'channels' is not an object.")
    if len(channels) > _MAX_CHANNELS:
        raise EnvelopeError("bad_envelope", f"'channels' names more than {_MAX_CHANNELS} channels.")
    user = value.get("user")
    return Hello(user if isinstance(user, str) else None, channels)


def _mark(value: dict[str, Any]) -> Mark:
    mark = value.get("id")
    if isinstance(mark, bool) or not isinstance(mark, int) or not 0 <= mark <= _MAX_MARK:
        raise EnvelopeError("bad_mark", "A mark's 'id' is a whole number from 0 to 2^53 - 1.")
    return Mark(mark)


def _encode(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def welcome(*, session: str, identity: Identity) -> bytes:
    """The answer to `hello`: who the session is and what it may do."""
    user = {"id": identity.user, "name": identity.name}
    can = sorted(permission.value for permission in identity.permissions)
    return _encode(
        {"op": "welcome", "v": PROTOCOL_VERSION, "session": session, "user": user, "can": can, "channels": {}}
    )


def saved(mark: int, level: str) -> bytes:
    """Everything that the session sent before `mark` is durable at `level`."""
    return _encode({"op": "saved", "mark": mark, "level": level})


def nack(
    code: str,
    message: str,
    *,
    mark: int | None = None,
    channel: str | None = None,
    request: str | None = None,
) -> bytes:
    """Something asked for was not done, and why; with what the client named in asking."""
    named = {"mark": mark, "ch": channel, "id": request}
    given = {name: value for name, value in named.items() if value is not None}
    return _encode({"op": "nack", "code": code, "message": message, **given})


def rejected(reason: str, count: int) -> bytes:
    """Edits of this session were not accepted."""
    return _encode({"op": "rejected", "reason": reason, "count": count})


def drain(retry_after_seconds: float) -> bytes:
    """The server is about to close the connection; come back after this long."""
    return _encode({"op": "drain", "retry_after": round(retry_after_seconds, 1)})
