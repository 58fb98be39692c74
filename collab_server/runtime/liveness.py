"""Whether the other side of a session still lives: pings that are answered, bytes that are taken.

Owns the times. Who is asked how, and what follows, is the session's.
"""

from __future__ import annotations

from enum import Enum

from collab_server.config import SessionSettings
from collab_server.runtime.connection import Connection


class Life(Enum):
    """What is to be done about a connection."""

    FINE = "nothing"
    ASK = "see whether it answers"
    STALLED = "it takes nothing of what is written"
    SILENT = "it did not answer"


class Liveness:
    """Of one connection; looked at about once a second."""

    __slots__ = ("_asked_at", "_buffered_before", "_connection", "_full_since", "_last_taken", "_settings")

    def __init__(self, connection: Connection, settings: SessionSettings) -> None:
        self._connection = connection
        self._settings = settings
        self._asked_at: float | None = None
        self._full_since: float | None = None
        self._last_taken = 0.0
        self._buffered_before = 0

    @property
    def is_full(self) -> bool:
        """Whether more is written than the connection has taken."""
        return self._full_since is not None

    def full(self, now: float) -> None:
        self._full_since = now

    def drained(self) -> None:
        self._full_since = None

    def look(self, now: float) -> Life:
        self._notice_taken(now)
        if self._has_stalled(now):
            return Life.STALLED
        # A remote whose socket takes what is written lives, even if its pong waits behind a long step 2.
        heard_at = max(self._connection.last_received, self._last_taken)
        if self._asked_at is not None and heard_at >= self._asked_at:
            self._asked_at = None
        if now - heard_at < self._settings.ping_seconds:
            return Life.FINE
        if self._asked_at is None:
            self._asked_at = now
            return Life.ASK
        return Life.SILENT if now - self._asked_at > self._settings.pong_seconds else Life.FINE

    def _notice_taken(self, now: float) -> None:
        buffered = self._connection.buffered
        if buffered < self._buffered_before:
            self._last_taken = now
        self._buffered_before = buffered

    def _has_stalled(self, now: float) -> bool:
        if self._full_since is None:
            return False
        return now - max(self._full_since, self._last_taken) > self._settings.send_stall_seconds
