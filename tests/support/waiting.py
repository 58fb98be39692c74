"""Bounded waits on what events change. Owns the one error that says "this did not come in time"."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Seconds after which a thing that should come at once counts as not coming, on a machine that is busy.
PATIENCE = 20.0


class WaitFailed(AssertionError):
    """What a scenario waited for did not come within its bound."""


class Changes:
    """Wakes those who wait for a condition whenever something changed."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    async def wait_for(
        self, condition: Callable[[], T | None], *, within: float = PATIENCE, what: str = "condition"
    ) -> T:
        """The first value of `condition` that is neither None nor False. Raises WaitFailed after
        `within` seconds."""
        try:
            async with asyncio.timeout(within):
                while True:
                    value = condition()
                    if value is not None and value is not False:
                        return value
                    await self._event.wait()
        except TimeoutError:
            raise WaitFailed(f"{what}: not within {within} s") from None
