"""Turns: some at once, the others in the order in which they came, except who is let in for urgency.

Owns the places and who waits for one. Knows nothing of what is done in a turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Turns(Generic[Key]):
    """Use: `async with turns.of(key)`, one at a time for each key."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        #: Whether it is given a place, or goes on without one. Somebody waits only while none is free.
        self._waiting: dict[Key, asyncio.Future[bool]] = {}

    @asynccontextmanager
    async def of(self, key: Key) -> AsyncIterator[None]:
        """Wait for a place and hold it."""
        has_place = await self._wait(key)
        try:
            yield
        finally:
            if has_place:
                self._pass_on()

    def hurry(self, key: Key) -> None:
        """Let this one go on now, beside those who have a place; nothing if it does not wait."""
        waiting = self._waiting.pop(key, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(False)

    async def _wait(self, key: Key) -> bool:
        if self._free:
            self._free -= 1
            return True
        waiting: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[key] = waiting
        try:
            return await waiting
        except asyncio.CancelledError:
            self._waiting.pop(key, None)
            # It may have been given a place in the same turn of the loop.
            if not waiting.cancelled() and waiting.result():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            first = self._waiting.pop(next(iter(self._waiting)))
            # One that is done was cancelled and has not noticed yet.
            if not first.done():
                first.set_result(True)
                return
        self._free += 1
