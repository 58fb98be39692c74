"""Everybody in the room with the large document, in a process of their own at a lower priority.

They take gigabytes while a class in another room is measured; with a core for each, as real ones have, they
would not be in its way. The first one opens the room and types, which makes the document's compaction due; a
second later all others join at once. Those that type do so until the window ends.

The main process speaks with it in lines of JSON: the job, then `visit`, `judge`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import uvloop

from bench.generator.companions import Companions
from bench.generator.verify import library_content
from bench.generator.visitor import FIRST_VISITOR, Visitor
from bench.plan import STORED_ROOM, Job

_NICE = 10
#: How many keep what they receive, so that a document is built of it.
_SAMPLED = 2
_SECOND_WAVE_SECONDS = 1.0
_DRAIN_SECONDS = 30.0


class Visitors(Companions):
    """Handle on the visitors' process of a run. Every call waits for its answer."""

    @classmethod
    async def start(cls, job: Job) -> Visitors:
        return cls(await cls.spawn("bench.generator.visitors", job))

    async def visit(self, started: float) -> None:
        """Join at `started` (perf_counter) and type until the end of the window."""
        await self._ask({"do": "visit", "started": started})

    async def judge(self) -> dict[str, Any]:
        """The visitors' part of the result."""
        answer = await self._ask({"do": "judge"})
        del answer["ok"]
        return answer


# -- in the visitors' process --------------------------------------------------------------------------


class Visit:
    """All visitors of one run."""

    def __init__(self, job: Job) -> None:
        self.job = job
        count = job.workload.visitors
        self.visitors = [Visitor(FIRST_VISITOR + n, keeps=n >= count - _SAMPLED) for n in range(count)]
        self.typists = self.visitors[: job.workload.visitors_typing]
        self.joined: list[float] = []

    async def visit(self, started: float) -> None:
        workload = self.job.workload
        await _until(started)
        ends = started + workload.seconds
        async with asyncio.TaskGroup() as group:
            group.create_task(self._take_part(self.visitors[0], started, ends), name="first visitor")
            for visitor in self.visitors[1:]:
                wave = started + _SECOND_WAVE_SECONDS
                group.create_task(self._take_part(visitor, wave, ends), name="visitor")

    async def _take_part(self, visitor: Visitor, begins: float, ends: float) -> None:
        await _until(begins)
        await visitor.join(self.job.port, STORED_ROOM)
        await visitor.synced
        self.joined.append(visitor.synced_at - begins)
        if visitor not in self.typists:
            return
        gap = 1 / self.job.workload.visitor_edits_per_second
        while time.perf_counter() < ends:
            visitor.type()
            await asyncio.sleep(gap)

    async def judge(self) -> dict[str, Any]:
        """Wait until everything arrived, then compare."""
        limit = time.perf_counter() + _DRAIN_SECONDS
        while self._lost() and time.perf_counter() < limit:  # noqa: ASYNC110 - the clients know no events
            await asyncio.sleep(0.1)
        failure = next((v.failure for v in self.visitors if v.failure is not None), None)
        lost, equal = self._lost(), await self._equal()
        return {
            "ok": True,
            "visitors_joined": len(self.joined),
            "visitors_last_synced_seconds": max(self.joined, default=None),
            "visitors_lost": lost,
            "visitors_edits": sum(visitor.clock for visitor in self.visitors),
            "visitors_equal": equal,
            "visitors_disconnects": sum(visitor.lost_connection for visitor in self.visitors),
            "visitors_failure": None if failure is None else repr(failure),
        }

    def _lost(self) -> int:
        typed = sum(visitor.clock for visitor in self.visitors)
        return sum(typed - visitor.clock - visitor.received for visitor in self.visitors)

    async def _equal(self) -> bool:
        """The sampled and one that comes now build one document, and it has every paper."""
        late = Visitor(FIRST_VISITOR + len(self.visitors), keeps=True)
        await late.join(self.job.port, STORED_ROOM)
        await asyncio.wait_for(late.synced, _DRAIN_SECONDS)
        kept = [*self.visitors[-_SAMPLED:], late]
        contents = set()
        for visitor in kept:
            contents.add(library_content(visitor.updates, Path(self.job.documents)))
            visitor.updates.clear()
        return len(contents) == 1 and None not in contents


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.perf_counter()))


async def _serve(job: Job) -> None:
    visit = Visit(job)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        question = json.loads(line)
        if question["do"] == "visit":
            await visit.visit(question["started"])
            answer: dict[str, Any] = {"ok": True}
        else:
            answer = await visit.judge()
        print(json.dumps(answer), flush=True)


def main() -> None:
    job = Job.from_json(sys.stdin.readline())
    os.nice(_NICE)
    uvloop.run(_serve(job))


if __name__ == "__main__":
    main()
