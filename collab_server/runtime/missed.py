"""The deltas that slow readers have not been sent, as the frames that the others got.

Kept only while they are smaller than the deleted ranges, all of which a merged delta brings each time: with a
megabyte of them a reader would never get to the head, for each merged delta would fill its buffer anew. Knows
no session.
"""

from __future__ import annotations

from collections import deque
from itertools import islice

from collab_server.runtime.connection import Frame

#: Over a minute of a class. They are all sent in one turn of the loop: a few milliseconds.
MOST_DELTAS = 2_000


class MissedDeltas:
    """The latest deltas of a room, up to its present version."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self._frames: deque[Frame] = deque()

    def add(self, frame: Frame, *, max_bytes: int) -> None:
        """Keep the delta that made the newest version; the oldest go that are over a bound."""
        self._frames.append(frame)
        self.size_bytes += len(frame)
        while self.size_bytes > max_bytes or len(self._frames) > MOST_DELTAS:
            self.size_bytes -= len(self._frames.popleft())

    def latest(self, count: int) -> list[Frame] | None:
        """The last `count` deltas; None if not all of them were kept."""
        if count > len(self._frames):
            return None
        return list(islice(self._frames, len(self._frames) - count, None))

    def clear(self) -> None:
        self._frames.clear()
        self.size_bytes = 0
