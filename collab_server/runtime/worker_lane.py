"""One lane of workers: a bounded queue, one process, one job at a time, each tried twice where that helps.

Owns the order, the deadline, the second try and the process's life. Knows neither the other lanes nor what a
job does.
"""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from dataclasses import dataclass
from enum import Enum, StrEnum
from pathlib import Path

from collab_server.errors import FailureKind, JobFailed, WorkersBusy, WorkersClosed
from collab_server.observability import Event, get_logger
from collab_server.observability.metrics import Metrics
from collab_server.pipe import JSON, MAX_FILE_BYTES, MAX_INLINE_BYTES, encode_frame
from collab_server.runtime.scratch import Scratch
from collab_server.runtime.worker_process import WorkerProcess

_log = get_logger(__name__)

#: Of these another try at once would end the same, and no process is at fault.
_FINAL = (FailureKind.REFUSED, FailureKind.UNAVAILABLE)


class Outcome(Enum):
    """How a job ended, for the metric."""

    DONE = "it gave a result"
    REFUSED = "it said no"
    CRASHED = "its process ended, twice"
    OUT_OF_MEMORY = "it took more memory than it may, twice"
    DEADLINE = "it took too long, twice"
    UNAVAILABLE = "no process could be had, or no file to hand over"
    BUSY = "there was no place in the queue"
    CANCELLED = "nobody waits for it any more"
    CLOSED = "the server stops"


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a job gave back."""

    values: dict[str, JSON]
    data: bytes | None


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """What a lane and its process may take. `arguments` are those of the entry point."""

    arguments: tuple[str, ...]
    deadline_seconds: float
    seconds_per_byte: float
    idle_seconds: float
    queued_jobs: int


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    name: StrEnum
    arguments: dict[str, JSON]
    data: bytes | None
    deadline_seconds: float
    done: asyncio.Future[JobResult]


class LaneRunner:
    """Use: `submit` while `run` runs as a task; then `close`, and `run` is cancelled by its owner."""

    def __init__(self, lane: Enum, limits: LaneLimits, *, scratch: Scratch, metrics: Metrics) -> None:
        self._lane = lane
        self._limits = limits
        self._scratch = scratch
        self._metrics = metrics
        self._queue: deque[_Job] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._process: WorkerProcess | None = None
        self._closed = False

    # --- the callers' side ---

    async def do(
        self, name: StrEnum, arguments: dict[str, JSON], *, data: bytes | None, size_bytes: int
    ) -> JobResult:
        """The result of a job. Raises JobFailed, WorkersBusy, WorkersClosed, and BadFrame for arguments that
        are no JSON or too large.

        Cancelled, a job that waits is dropped. One that runs goes on, its result thrown away: it may be
        writing, and a kill would cost the next job a new process; its deadline bounds it.
        """
        # Found out here, for the one who made the mistake.
        encode_frame({"arguments": arguments})
        if self._closed:
            self._count(name, Outcome.CLOSED)
            raise WorkersClosed("the server is stopping")
        if len(self._queue) >= self._limits.queued_jobs:
            self._count(name, Outcome.BUSY)
            raise WorkersBusy(f"{len(self._queue)} jobs wait already; try again later")
        seconds = self._limits.deadline_seconds + self._limits.seconds_per_byte * size_bytes
        job = _Job(name, arguments, data, seconds, asyncio.get_running_loop().create_future())
        self._queue.append(job)
        self._queue_changed()
        try:
            return await job.done
        finally:
            if job in self._queue:
                self._queue.remove(job)
                self._queue_changed()
                self._count(name, Outcome.CANCELLED)

    def _queue_changed(self) -> None:
        self._metrics.worker_queue[self._lane] = len(self._queue)
        if self._queue:
            self._idle.clear()
            self._wake.set()

    # --- the worker's side ---

    async def run(self) -> None:
        """Do what comes, until cancelled. The process is started by the first job and ends when idle."""
        try:
            while True:
                if not self._queue:
                    self._idle.set()
                    await self._rest()
                    continue
                job = self._queue.popleft()
                self._queue_changed()
                await self._finish(job)
        finally:
            await self._drop_process(at_once=True)

    async def _rest(self) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout(self._limits.idle_seconds if self._process else None):
                await self._wake.wait()
        except TimeoutError:
            await self._drop_process()

    async def _finish(self, job: _Job) -> None:
        """Do a job and tell its caller. Nothing that happens here ends the lane."""
        started = asyncio.get_running_loop().time()
        try:
            result = await self._try_twice(job)
        except JobFailed as error:
            self._tell(job, error, Outcome[error.kind.name])
            log = _log.info if error.kind is FailureKind.REFUSED else _log.warning
            log(
                Event.JOB_FAILED,
                lane=self._lane.name.lower(),
                job=job.name,
                kind=error.kind,
                cause=error.cause,
            )
        except asyncio.CancelledError:
            self._tell(job, WorkersClosed("the server stopped before the job was done"), Outcome.CLOSED)
            raise
        except Exception as error:  # noqa: BLE001 - a mistake of ours concerns this job, not those after it
            _log.exception(Event.TASK_FAILED, task=f"worker job {job.name}")
            self._tell(job, error, Outcome.CRASHED)
        else:
            self._tell(job, result, Outcome.DONE)
        self._metrics.worker_job_seconds[self._lane].observe(asyncio.get_running_loop().time() - started)

    def _tell(self, job: _Job, result: JobResult | BaseException, outcome: Outcome) -> None:
        self._count(job.name, Outcome.CANCELLED if job.done.done() else outcome)
        if job.done.done():
            return
        if isinstance(result, BaseException):
            job.done.set_exception(result)
        else:
            job.done.set_result(result)

    async def _try_twice(self, job: _Job) -> JobResult:
        try:
            return await self._try_and_bury(job)
        except JobFailed as error:
            if error.kind in _FINAL:
                raise
        return await self._try_and_bury(job)

    async def _try_and_bury(self, job: _Job) -> JobResult:
        """Do a job once; a process that fails it is not used again. Raises JobFailed."""
        try:
            return await self._try(job)
        except JobFailed as error:
            if error.kind not in _FINAL:
                await self._bury(error)
            raise

    async def _try(self, job: _Job) -> JobResult:
        request, answer = self._scratch.new_path(), self._scratch.new_path()
        try:
            frame = await _encode(job, request, answer)
            if self._process is None:
                self._process = await WorkerProcess.launch(*self._limits.arguments)
                await self._process.ready()
                _log.info(Event.WORKER_STARTED, lane=self._lane.name.lower(), pid=self._process.pid)
            async with asyncio.timeout(job.deadline_seconds):
                head, data = await self._process.ask(frame)
            self._metrics.worker_memory_bytes[self._lane] = _whole(head.get("memory_bytes"))
            return await _decode(head, data, answer)
        except TimeoutError:
            text = f"not done within {job.deadline_seconds:.1f} s"
            raise JobFailed(FailureKind.DEADLINE, text) from None
        except OSError as error:
            text = f"no worker could be had, or no file to hand over: {error.strerror}"
            cause = errno.errorcode.get(error.errno or 0, type(error).__name__)
            raise JobFailed(FailureKind.UNAVAILABLE, text, cause=cause) from error
        finally:
            await asyncio.to_thread(_remove, request, answer)

    async def _bury(self, error: JobFailed) -> None:
        """End a process that failed, and say what it was."""
        process = self._process
        await self._drop_process(at_once=True)
        self._metrics.worker_deaths[self._lane, error.kind] += 1
        _log.warning(
            Event.WORKER_DIED,
            lane=self._lane.name.lower(),
            kind=error.kind,
            reason=error.message,
            pid=process.pid if process else None,
            stderr=process.stderr_lines() if process else [],
        )

    async def _drop_process(self, *, at_once: bool = False) -> None:
        process, self._process = self._process, None
        self._metrics.worker_memory_bytes[self._lane] = 0
        if process is not None:
            await process.end(at_once=at_once)

    def _count(self, name: StrEnum, outcome: Outcome) -> None:
        self._metrics.worker_jobs[self._lane, name, outcome] += 1

    # --- the end ---

    async def close(self, *, within_seconds: float) -> None:
        """Refuse what waits and what comes; give the running job a moment."""
        self._closed = True
        while self._queue:
            self._tell(self._queue.popleft(), WorkersClosed("the server is stopping"), Outcome.CLOSED)
        self._queue_changed()
        self._wake.set()
        try:
            async with asyncio.timeout(within_seconds):
                await self._idle.wait()
        except TimeoutError:
            # Its process is killed when `run` is cancelled.
            pass


async def _encode(job: _Job, request: Path, answer: Path) -> bytes:
    """The frame of a job; its data in a file if they are large."""
    head: dict[str, JSON] = {"job": str(job.name), "arguments": job.arguments, "answer_file": str(answer)}
    head["has_data"] = job.data is not None
    if job.data is None or len(job.data) <= MAX_INLINE_BYTES:
        return encode_frame(head, job.data or b"")
    if len(job.data) > MAX_FILE_BYTES:
        raise JobFailed(FailureKind.REFUSED, f"{len(job.data)} bytes are more than {MAX_FILE_BYTES}")
    await asyncio.to_thread(request.write_bytes, job.data)
    return encode_frame(head | {"file": str(request)})


async def _decode(head: dict[str, JSON], data: bytes, answer: Path) -> JobResult:
    """What an answer says. Raises JobFailed for a refusal, and for what is no answer."""
    match head:
        case {"error": {"kind": "refused", "type": str(cause), "text": str(text)}}:
            raise JobFailed(FailureKind.REFUSED, text, cause=cause)
        case {"values": dict(values), "file": True}:
            return JobResult(values, await asyncio.to_thread(_read_bounded, answer))
        case {"values": dict(values), "has_data": bool(has_data)}:
            return JobResult(values, data if has_data else None)
    raise JobFailed(FailureKind.CRASHED, "the worker sent what is no answer")


def _read_bounded(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise JobFailed(FailureKind.CRASHED, f"the worker wrote more than {MAX_FILE_BYTES} bytes")
    return data


def _remove(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _whole(value: JSON) -> int:
    return value if isinstance(value, int) else 0
