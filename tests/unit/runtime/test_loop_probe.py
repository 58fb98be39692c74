"""A step that holds the loop is seen, and whether it was the loop's own work."""

from __future__ import annotations

import asyncio
import time

from collab_server.observability.metrics import Histogram, Metrics
from collab_server.runtime.loop_probe import LoopProbe


def over(histogram: Histogram, seconds: float) -> int:
    """How many values were seen above a bound."""
    return sum(histogram.counts[histogram.bounds.index(seconds) + 1 :])


async def probed(step: float, *, working: bool) -> Metrics:
    """The metrics after one step of the loop that took so long."""
    metrics = Metrics()
    probe = asyncio.create_task(LoopProbe(metrics, period_seconds=0.002).run())
    await asyncio.sleep(0.02)
    ends = time.monotonic() + step
    while time.monotonic() < ends:
        if not working:
            time.sleep(ends - time.monotonic())  # noqa: ASYNC251 - this is the stall
    await asyncio.sleep(0.02)
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    return metrics


async def test_a_long_step_is_seen_once() -> None:
    metrics = await probed(0.205, working=True)
    assert over(metrics.loop_stall_seconds, 0.200) == 1
    assert over(metrics.loop_busy_seconds, 0.100) == 1


async def test_a_stall_without_work_is_told_apart() -> None:
    metrics = await probed(0.205, working=False)
    assert over(metrics.loop_stall_seconds, 0.200) == 1
    assert over(metrics.loop_busy_seconds, 0.100) == 0
