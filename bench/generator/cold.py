"""The workload in which somebody opens a stored document that is not in memory, and a second one follows.

A fresh server has the document on its disk alone. Measured is the time from the connection's start to the
last byte of step 2, for the first client and for one that comes when everything is in memory.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from bench.generator.scrape import first_scrape, scrape
from bench.generator.verify import library_content
from bench.generator.visitor import FIRST_VISITOR, Visitor
from bench.plan import STORED_ROOM, Job
from bench.usage import cpu_seconds, usage

_LIMIT_SECONDS = 90.0
#: What a first answer leaves to be done afterwards is not the second one's.
_PAUSE_SECONDS = 0.5


class Cold:
    """One run. `run()` gives the measured values as plain JSON."""

    def __init__(self, job: Job) -> None:
        self.job = job

    async def run(self) -> dict[str, object]:
        before, reading = usage(self.job.server_pid), await first_scrape(self.job.port)
        first, first_seconds, cpu = await self._join(FIRST_VISITOR)
        await asyncio.sleep(_PAUSE_SECONDS)
        second, second_seconds, _ = await self._join(FIRST_VISITOR + 1)
        loop = (await scrape(self.job.port)).since(reading)
        resident = usage(self.job.server_pid).resident_bytes
        for visitor in (first, second):
            visitor.leave()
        content = library_content(first.updates, Path(self.job.documents))
        equal = first.step_2_sum == second.step_2_sum
        return loop | {
            "document_bytes": first.step_2_bytes,
            "first_synced_seconds": first_seconds,
            "second_synced_seconds": second_seconds,
            "cpu_seconds": cpu,
            "resident_mb": round(resident / 1e6, 1),
            "resident_growth_mb": round((resident - before.resident_bytes) / 1e6, 1),
            "replicas_equal": equal and content is not None,
            "lost": 0,
        }

    async def _join(self, client: int) -> tuple[Visitor, float, float]:
        """A client that has the document, the seconds until it had it, and the server's CPU seconds."""
        visitor = Visitor(client, keeps=client == FIRST_VISITOR)
        cpu, started = cpu_seconds(self.job.server_pid), time.perf_counter()
        async with asyncio.timeout(_LIMIT_SECONDS):
            await visitor.join(self.job.port, STORED_ROOM)
            await visitor.synced
        return visitor, visitor.synced_at - started, cpu_seconds(self.job.server_pid) - cpu
