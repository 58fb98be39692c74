"""Lateness of the loop: what is seen of a step, what is put down to the machine, how often it looks."""

from __future__ import annotations

import asyncio
import time

from collab_server.observability.metrics import Histogram, Metrics
from collab_server.runtime.loop_lag import LoopLag


class Clocks:
    """Time as a test says it."""

    def __init__(self) -> None:
        self.now = self.cpu = 100.0

    def pass_(self, seconds: float, *, cpu: float = 0.0) -> None:
        self.now += seconds
        self.cpu += cpu


def _lag(metrics: Metrics) -> tuple[LoopLag, Clocks]:
    clocks = Clocks()
    lag = LoopLag(metrics, clock=lambda: clocks.now, cpu=lambda: clocks.cpu)
    lag._looked_at, lag._cpu_then, lag._due = clocks.now, clocks.cpu, clocks.now
    return lag, clocks


def test_lateness_that_the_loop_spent_itself_is_a_step() -> None:
    metrics = Metrics()
    lag, clocks = _lag(metrics)
    clocks.pass_(0.030, cpu=0.028)
    lag.observe()
    assert round(metrics.loop_lag_max_seconds, 3) == 0.030
    assert round(metrics.loop_step_max_seconds, 3) == 0.028


def test_a_busy_machine_makes_late_and_not_long() -> None:
    metrics = Metrics()
    lag, clocks = _lag(metrics)
    clocks.pass_(0.400, cpu=0.001)
    lag.observe()
    assert round(metrics.loop_lag_max_seconds, 3) == 0.400
    assert round(metrics.loop_step_max_seconds, 3) == 0.001


def test_it_looks_often_while_there_is_work_and_seldom_in_peace() -> None:
    lag, clocks = _lag(Metrics())
    clocks.pass_(0.100, cpu=0.010)
    often = lag.observe()
    clocks.pass_(0.100, cpu=0.0002)
    assert lag.observe() > 5 * often


async def test_a_step_that_held_up_the_loop_shows() -> None:
    metrics = Metrics()
    task = asyncio.create_task(LoopLag(metrics).run())
    await asyncio.sleep(0.001)
    until = time.thread_time() + 0.060
    while time.thread_time() < until:
        pass
    async with asyncio.timeout(5):
        while metrics.loop_step_max_seconds < 0.040:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.005)
    assert metrics.loop_lag_max_seconds >= metrics.loop_step_max_seconds
    assert sum(metrics.loop_lag_seconds.counts) >= 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_once_cancelled_it_looks_no_more() -> None:
    metrics = Metrics()
    lag = LoopLag(metrics)
    task = asyncio.create_task(lag.run())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert lag._timer is not None
    assert lag._timer.cancelled()


def over(histogram: Histogram, seconds: float) -> int:
    """How many values were seen above a bound."""
    return sum(histogram.counts[histogram.bounds.index(seconds) + 1 :])


async def probed(step: float, *, working: bool) -> Metrics:
    """The metrics after one step of the loop that took so long."""
    metrics = Metrics()
    probe = asyncio.create_task(LoopLag(metrics, probe_seconds=0.002).run())
    await asyncio.sleep(0.02)
    ends = time.monotonic() + step
    while time.monotonic() < ends:
        if not working:
            time.sleep(ends - time.monotonic())  # noqa: ASYNC251 - this is the stall
    await asyncio.sleep(0.02)
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    return metrics


async def test_a_long_step_is_counted_once() -> None:
    metrics = await probed(0.205, working=True)
    assert over(metrics.loop_stall_seconds, 0.200) == 1
    assert over(metrics.loop_busy_seconds, 0.100) == 1


async def test_a_stall_without_work_is_told_apart() -> None:
    metrics = await probed(0.205, working=False)
    assert over(metrics.loop_stall_seconds, 0.200) == 1
    assert over(metrics.loop_busy_seconds, 0.100) == 0


def test_stalls_are_counted_at_the_interval_that_was_asked_for_alone() -> None:
    metrics = Metrics()
    clocks = Clocks()
    probe = LoopLag(metrics, probe_seconds=0.002, clock=lambda: clocks.now, cpu=lambda: clocks.cpu)
    clocks.pass_(0.050, cpu=0.0)
    assert probe.observe() == 0.002
    assert sum(metrics.loop_stall_seconds.counts) == 1
    lag, clocks = _lag(metrics)
    clocks.pass_(0.050, cpu=0.0)
    lag.observe()
    assert sum(metrics.loop_stall_seconds.counts) == 1
