"""`python -m bench.generator`: read one job (JSON) from standard input, play it, print the result (JSON)."""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
from collections.abc import Callable
from typing import Protocol

import uvloop

from bench.generator.cold import Cold
from bench.generator.idle import Idle
from bench.generator.replay import Replay
from bench.generator.storm import Storm
from bench.generator.typing_load import TypingLoad
from bench.plan import Job


class Load(Protocol):
    async def run(self) -> dict[str, object]: ...


async def play(job: Job) -> dict[str, object]:
    """Run the job's workload and return its measured values."""
    loads: dict[str, Callable[[Job], Load]] = {
        "typing": TypingLoad,
        "storm": Storm,
        "idle": Idle,
        "replay": Replay,
        "cold": Cold,
    }
    return await loads[job.workload.kind](job).run()


def main() -> None:
    job = Job.from_json(sys.stdin.read())
    if job.core is not None:
        os.sched_setaffinity(0, {job.core})
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # A run is short and keeps what it allocates; a collection would show as latency of the server.
    gc.disable()
    print(json.dumps(uvloop.run(play(job))))


if __name__ == "__main__":
    main()
