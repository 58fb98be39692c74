"""The bounds of one room, and the pace at which it sends. Values only; `config` fills them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RoomLimits:
    """Every buffer of a room has its bound here."""

    document_bytes: int = 50_000_000
    document_clients: int = 50_000
    #: Types that may lie in each other since the last audit, which compaction is; more wait for the next one.
    unaudited_depth: int = 500
    #: Types that may lie in each other at all; three thousand and one deletion overflow a browser's stack.
    document_depth: int = 1_200
    held_bytes: int = 4_000_000
    held_seconds: float = 600.0
    awareness_state_bytes: int = 16_384
    awareness_clients_per_member: int = 64
    awareness_tombstone_seconds: float = 60.0
    awareness_expiry_seconds: float = 45.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a room collects before it sends, growing with the number of its listeners.

    The first change after an idle window goes out at once, so a lone typist waits for nothing.
    """

    window_seconds_per_listener: float = 0.0014
    window_max_seconds: float = 0.040
    awareness_seconds_per_listener: float = 0.010
    awareness_min_seconds: float = 0.050
    awareness_max_seconds: float = 2.0

    def window(self, listeners: int) -> float:
        """Seconds between two flushes of a room that is busy."""
        return min(self.window_max_seconds, self.window_seconds_per_listener * listeners)

    def awareness_interval(self, listeners: int) -> float:
        """Seconds between two awareness frames."""
        paced = self.awareness_seconds_per_listener * listeners
        return min(self.awareness_max_seconds, max(self.awareness_min_seconds, paced))
