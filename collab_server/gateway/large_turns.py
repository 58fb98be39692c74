"""Who may write of a large message in this turn of the loop, when many send one at once.

Owns the rotation and how much one turn writes; the messages are the connections'. Fifty joiners of a large
document who each wrote half a megabyte in the same turn would hold everybody else's edits for its length.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

#: What all connections together write in one turn of the loop: a fraction of a millisecond.
TURN_BYTES = 512 * 1024


class LargeWriter(Protocol):
    """A connection with a large message under way."""

    def write_some(self) -> int | None:
        """Write one fragment; its bytes, or 0 if it cannot now, or None if its message has ended.

        After both of the latter `LargeTurns.ask` is due before the next.
        """


class LargeTurns:
    """One for all connections of a loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._asking: deque[LargeWriter] = deque()
        #: Whether a turn is to come, or goes on now.
        self._is_due = False

    def ask(self, writer: LargeWriter) -> None:
        """Let a connection write after those that asked before; not while it is still asking."""
        self._asking.append(writer)
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        left = TURN_BYTES
        try:
            while self._asking and left > 0:
                writer = self._asking.popleft()
                written = writer.write_some()
                if written is None:
                    # What followed the message, a merged delta and all deletions, can be as much as a turn.
                    break
                if written:
                    left -= written
                    self._asking.append(writer)
        finally:
            # A mistake with one connection must not end the turns of all.
            self._is_due = bool(self._asking)
            if self._is_due:
                self._loop.call_soon(self._turn)
