"""Why this server closes a connection: WebSocket code, and the label for logs and metrics.

y-websocket from 3.1 on stops for good at 4400-4499 and comes back after every other code.
"""

from __future__ import annotations

from enum import Enum


class CloseReason(Enum):
    """(code, what the client reads). The member's lower-case name is the label."""

    GOING_AWAY = (1012, "The server restarts; reconnect.")
    INTERNAL = (1011, "Something failed here; reconnect.")
    TRY_AGAIN = (1013, "The room cannot be served right now; try again.")
    FRAME_TOO_BIG = (1009, "A message is larger than this server takes.")
    BAD_FRAME = (4400, "A message is not what the protocol says.")
    UNAUTHENTICATED = (4401, "A valid token is needed.")
    FORBIDDEN = (4403, "This token does not open this room.")
    ROOM_DELETED = (4410, "The room was deleted.")
    KICKED = (4432, "Removed from the room.")
    TOKEN_EXPIRED = (4501, "The token has expired; reconnect with a new one.")
    TIMEOUT = (4508, "Nothing came in time; reconnect.")
    RATE_LIMITED = (4529, "Too much at once; reconnect later.")
    SLOW_CONSUMER = (4530, "The connection is too slow; reconnect.")

    @property
    def code(self) -> int:
        return self.value[0]

    @property
    def text(self) -> str:
        return self.value[1]

    @property
    def label(self) -> str:
        return self.name.lower()


def reason_of_failure(code: int) -> CloseReason | None:
    """The reason behind a close code that the WebSocket layer has sent (RFC 6455 §7.4.1); None for 0."""
    if code == 0:
        return None
    return CloseReason.FRAME_TOO_BIG if code == CloseReason.FRAME_TOO_BIG.code else CloseReason.BAD_FRAME
