"""Work that many may ask for and that is done once for all who ask while it runs.

Owns the task; knows nothing of what is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine


class Together:
    """Calls a function; whoever comes while it runs shares its outcome. It ends, whoever still waits."""

    def __init__(self, function: Callable[[], Coroutine[None, None, None]], *, name: str) -> None:
        self._function = function
        self._name = name
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._function(), name=self._name)
            self._task.add_done_callback(self._ended)
        await asyncio.shield(self._task)

    async def finish(self) -> None:
        """Wait for what runs; how it ends is for those who asked for it."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled():
            # Asked for, because all who waited may have been cancelled.
            task.exception()
