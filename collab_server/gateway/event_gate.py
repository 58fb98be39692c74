"""Events in their order through a gate that can be shut: what comes meanwhile waits. Pure.

The order holds however the handler of an event shuts and opens the gate, and handlers never nest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Event = TypeVar("Event")


class EventGate(Generic[Event]):
    """Hands each event to `handle`, at once while the gate is open and nothing waits."""

    __slots__ = ("_handle", "_is_handling", "_waiting", "is_shut")

    def __init__(self, handle: Callable[[Event], None]) -> None:
        self._handle = handle
        self._waiting: deque[Event] | None = None
        self._is_handling = False
        self.is_shut = False

    @property
    def is_clear(self) -> bool:
        """Whether an event would be handled at once."""
        return not (self.is_shut or self._waiting or self._is_handling)

    def offer(self, event: Event) -> None:
        if self.is_clear:
            self._run(event)
        else:
            self._keep(event)
        self._drain()

    def shut(self) -> None:
        self.is_shut = True

    def open(self) -> None:
        """Open, and handle what has waited until somebody shuts the gate again."""
        self.is_shut = False
        self._drain()

    def reset(self) -> list[Event]:
        """Open without handling what has waited; these events."""
        waiting, self._waiting = self._waiting, None
        self.is_shut = False
        return list(waiting or ())

    def _keep(self, event: Event) -> None:
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append(event)

    def _drain(self) -> None:
        while self._waiting and not self.is_shut and not self._is_handling:
            self._run(self._waiting.popleft())

    def _run(self, event: Event) -> None:
        self._is_handling = True
        try:
            self._handle(event)
        finally:
            self._is_handling = False
