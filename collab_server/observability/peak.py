"""The highest of the values of the last minute.

Owns the minute, in seconds that are let go one by one; time is an argument.
"""

from __future__ import annotations

from collections import deque

_SECONDS = 60


class Peak:
    """Values come in the order of their times."""

    __slots__ = ("_maxima",)

    def __init__(self) -> None:
        # The highest value of each of the last seconds that had one: (second, value), descending in value.
        self._maxima: deque[tuple[int, float]] = deque()

    def observe(self, value: float, now: float) -> float:
        """Take a value; the highest of the last minute, this one included."""
        second = int(now)
        maxima = self._maxima
        # What is lower than a newer value will never be the highest again.
        while maxima and maxima[-1][1] <= value:
            maxima.pop()
        # In one second a lower value than the last changes nothing.
        if not maxima or maxima[-1][0] != second:
            maxima.append((second, value))
        while maxima[0][0] <= second - _SECONDS:
            maxima.popleft()
        return maxima[0][1]
