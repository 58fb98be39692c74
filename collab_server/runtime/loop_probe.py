"""Asks the event loop many times a second whether it goes on, to find single steps that are too long.

Owns the measuring alone. The heartbeat asks ten times a second, which is enough to see load and misses most
single steps of 20 ms; this asks as often as it is told, for benchmarks and for those who look for a stall.
"""

from __future__ import annotations

import asyncio
import time

from collab_server.observability.metrics import Metrics


class LoopProbe:
    """Runs until cancelled."""

    def __init__(self, metrics: Metrics, *, period_seconds: float) -> None:
        self._metrics = metrics
        self._period = period_seconds

    async def run(self) -> None:
        """Observe how much later than asked each turn comes, and what processor time went by meanwhile.

        A stall is seen up to one period shorter than it was. Where it is long and the processor time short,
        the thread was kept from running: by another process on its core, or by a thread that held the GIL.
        """
        stalls, busy = self._metrics.loop_stall_seconds, self._metrics.loop_busy_seconds
        # Neither clock is the loop's, which stands still while a turn runs.
        before, cpu_before = time.monotonic(), time.thread_time()
        while True:
            await asyncio.sleep(self._period)
            now, cpu = time.monotonic(), time.thread_time()
            stalls.observe(max(0.0, now - before - self._period))
            busy.observe(cpu - cpu_before)
            before, cpu_before = now, cpu
