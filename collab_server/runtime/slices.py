"""Long work on the loop in short steps.

Owns the length of a step. Whoever pauses must look again at what may have changed meanwhile.
"""

from __future__ import annotations

import asyncio

_SLICE_SECONDS = 0.005


class Slices:
    """Lets the loop breathe in a long piece of work."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()

    async def pause(self) -> None:
        """Let everything else run, if it is time."""
        if self._loop.time() - self._started >= _SLICE_SECONDS:
            await asyncio.sleep(0)
            self._started = self._loop.time()
