"""How late the event loop is, and how long its longest step was: a timer that compares when it was due with
when it ran.

Owns the sampling. While the loop works it looks each 10 ms, else ten times a second, because a process that
sleeps is woken for it (0.15 ms of CPU each time on a virtual machine). That shows load, and misses most
single steps of 20 ms: for benchmarks, and for those who look for a stall, it looks as often as they say, and
counts what it sees.

What it cannot see: a step that begins and ends between two looks, which is never longer than the interval,
and of a longer one the part before the timer was due. A "step" is one turn of the loop: all callbacks that
were ready together. Lateness has a second cause, a machine that is busy with something else; so the CPU time
of the loop's thread is read too, and only what it spent itself counts as a step.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from collab_server.observability.metrics import Metrics
from collab_server.observability.peak import Peak

_BUSY_INTERVAL_SECONDS = 0.010
_IDLE_INTERVAL_SECONDS = 0.100
#: The loop works if its thread had more than this part of the time since the look before.
_BUSY_SHARE = 0.02


class LoopLag:
    """Samples until cancelled. `clock` and `cpu` are those of the loop's thread.

    With `probe_seconds` it looks at that interval, and counts how long each turn was, and what processor time
    went by meanwhile: where the one is long and the other short, the thread was kept from running, by another
    process on its core or by a thread that held the GIL.
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        probe_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.thread_time,
    ) -> None:
        self._metrics = metrics
        self._probe_seconds = probe_seconds
        # Not the loop's, which stands still while a turn runs.
        self._clock = clock
        self._cpu = cpu
        self._lags = Peak()
        self._steps = Peak()
        self._timer: asyncio.TimerHandle | None = None
        self._looked_at = self._cpu_then = self._due = 0.0

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        self._looked_at, self._cpu_then = self._clock(), self._cpu()
        self._call_after(self._probe_seconds or _BUSY_INTERVAL_SECONDS, loop)
        try:
            # A timer that sets itself again wakes no task: a third of the cost of sleeping here.
            await loop.create_future()
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _call_after(self, seconds: float, loop: asyncio.AbstractEventLoop) -> None:
        self._due = self._looked_at + seconds
        self._timer = loop.call_later(seconds, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._call_after(self.observe(), loop)

    def observe(self) -> float:
        """Compare now with when it was due; seconds until the next look."""
        now, cpu = self._clock(), self._cpu()
        elapsed, spent = now - self._looked_at, cpu - self._cpu_then
        lag = max(0.0, now - self._due)
        self._looked_at, self._cpu_then = now, cpu
        metrics = self._metrics
        metrics.loop_lag_seconds.observe(lag)
        metrics.loop_lag_max_seconds = self._lags.observe(lag, now)
        metrics.loop_step_max_seconds = self._steps.observe(min(lag, spent), now)
        if self._probe_seconds:
            metrics.loop_stall_seconds.observe(lag)
            metrics.loop_busy_seconds.observe(spent)
            return self._probe_seconds
        return _BUSY_INTERVAL_SECONDS if spent > elapsed * _BUSY_SHARE else _IDLE_INTERVAL_SECONDS
