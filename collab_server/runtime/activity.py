"""How much is written in a room, lately and ever.

Owns two numbers; an edit costs one addition, the room's clock does the rest.
"""

from __future__ import annotations


class Activity:
    """`edits` only grows: updates that held something new since the room was opened."""

    __slots__ = ("_before", "_then", "edits")

    def __init__(self) -> None:
        self.edits = 0
        self._then = 0
        self._before = 0

    @property
    def recent(self) -> int:
        """Edits since the last beat but one, so of one to two periods of the room's clock."""
        return self.edits - self._before

    def beat(self) -> None:
        """A period of the room's clock has passed."""
        self._before, self._then = self._then, self.edits
