"""Some of a room's clients in a process of their own, so that their latencies are those of the server.

In a room of hundreds one process needs its whole core for a moment to read a broadcast and answer it for
everybody; an edit that arrives meanwhile would be noticed late. Real clients have a processor each; the
witnesses have at least a process, which the kernel lets run at once. They take part like all others, and
only they give latencies.

The main process speaks with it in lines of JSON: the job, then `join`, `play`, `tally`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

import uvloop

from bench.generator.client import quiet
from bench.generator.companions import Companions
from bench.generator.deliveries import Tally, Window
from bench.generator.hub import Hub
from bench.generator.players import Players
from bench.generator.updates import typed_character
from bench.plan import Job


class Witnesses(Companions):
    """Handle on the witness process of a run. Every call waits for its answer."""

    @classmethod
    async def start(cls, job: Job) -> Witnesses:
        return cls(await cls.spawn("bench.generator.witness", job))

    async def join(self) -> None:
        await self._ask({"do": "join"})

    async def play(self, started: float) -> None:
        await self._ask({"do": "play", "started": started})

    async def tally(self, sent: Mapping[int, Any], window: Window, into: Tally) -> dict[str, Any]:
        """Add the witnesses' deliveries to `into`, whose latencies become theirs alone."""
        departures = {str(author): list(times) for author, times in sent.items()}
        answer = await self._ask({"do": "tally", "sent": departures, "window": [window.start, window.end]})
        into.expected += answer["expected"]
        into.delivered += answer["delivered"]
        into.in_window += answer["in_window"]
        into.latencies = Counter({int(bucket): count for bucket, count in answer["latencies"].items()})
        return answer


# -- in the witness process ----------------------------------------------------------------------------


async def _serve(job: Job) -> None:
    workload = job.workload
    hub = Hub(expected=typed_character)
    players = Players(job, hub, range(workload.clients - workload.witnesses, workload.clients))
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await _answer(json.loads(line), players)), flush=True)


async def _answer(question: dict[str, Any], players: Players) -> dict[str, Any]:
    if question["do"] == "join":
        await players.join()
        return {"ok": True}
    if question["do"] == "play":
        await players.play(question["started"], lambda _act: None)
        return {"ok": True}
    await quiet(list(players.clients.values()), still_seconds=0.2, limit_seconds=1)
    window = Window(*question["window"])
    sent = {int(author): times for author, times in question["sent"].items()}
    tally = players.tally(sent, window)
    return {
        "ok": players.hub.failure is None,
        "expected": tally.expected,
        "delivered": tally.delivered,
        "in_window": tally.in_window,
        "latencies": dict(tally.latencies),
        "states_learnt": players.states_learnt(window),
        "failure": repr(players.hub.failure) if players.hub.failure else None,
        "disconnects": players.hub.disconnects,
    }


def main() -> None:
    gc.disable()
    uvloop.run(_serve(Job.from_json(sys.stdin.readline())))


if __name__ == "__main__":
    main()
