"""The worker processes of one server: a lane for each kind of work, and none waits for another.

Owns which lanes there are and what each may take. Nothing is started before its first job.
"""

from __future__ import annotations

import asyncio
from enum import Enum, StrEnum
from pathlib import Path

from collab_server.config import WorkerSettings
from collab_server.observability.metrics import Metrics
from collab_server.pipe import JSON
from collab_server.runtime.scratch import Scratch
from collab_server.runtime.tasks import TaskOwner
from collab_server.runtime.worker_lane import JobResult, LaneLimits, LaneRunner

_JOBS = "collab_server.engine.jobs"


class Lane(Enum):
    """The kinds of work, each with a process of its own."""

    INTERACTIVE = "somebody waits for it at a keyboard"
    BACKGROUND = "it may take its time, and must not take the others'"
    STORE = "it mostly waits for a store elsewhere"


_NICE = {Lane.INTERACTIVE: 0, Lane.BACKGROUND: 19, Lane.STORE: 0}


class Workers:
    """Use: `start`, then `run` for each job, then `close`, which is always due.

    `scratch` is the directory for large attachments, made if missing. `table` is the module with the jobs.
    """

    def __init__(
        self, settings: WorkerSettings, metrics: Metrics, *, scratch: Path, table: str = _JOBS
    ) -> None:
        self._settings = settings
        self._scratch = Scratch(scratch)
        self._tasks = TaskOwner()
        self._lanes = {
            lane: LaneRunner(lane, _limits(lane, settings, table), scratch=self._scratch, metrics=metrics)
            for lane in Lane
        }
        metrics.prepare_workers(Lane)

    async def start(self) -> None:
        """Be ready for jobs. No process is started yet. Raises OSError and ConfigError."""
        await asyncio.to_thread(self._scratch.open)
        for lane, runner in self._lanes.items():
            self._tasks.start(runner.run(), name=f"workers {lane.name.lower()}")

    async def run(
        self,
        lane: Lane,
        job: StrEnum,
        arguments: dict[str, JSON],
        *,
        data: bytes | None = None,
        size_hint: int = 0,
    ) -> JobResult:
        """Have a job done, after those of its lane that came before; see `LaneRunner.do` for the errors.

        `size_hint` is how many bytes the job will look at; the deadline grows with it.
        """
        size = max(size_hint, len(data or b""))
        return await self._lanes[lane].do(job, arguments, data=data, size_bytes=size)

    async def close(self) -> None:
        """End all processes; jobs that run have `workers.close_seconds` to finish. May be called again."""
        seconds = self._settings.close_seconds
        await asyncio.gather(*(runner.close(within_seconds=seconds) for runner in self._lanes.values()))
        await self._tasks.close()
        await asyncio.to_thread(self._scratch.close)


def _limits(lane: Lane, settings: WorkerSettings, table: str) -> LaneLimits:
    deadlines = {
        Lane.INTERACTIVE: settings.interactive_seconds,
        Lane.BACKGROUND: settings.background_seconds,
        Lane.STORE: settings.store_seconds,
    }
    return LaneLimits(
        arguments=(table, str(settings.max_memory_bytes), str(_NICE[lane])),
        deadline_seconds=deadlines[lane],
        seconds_per_byte=settings.per_megabyte_seconds / 1e6,
        idle_seconds=settings.idle_seconds,
        queued_jobs=settings.max_queued_jobs,
    )
