from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest
from structlog.testing import capture_logs

from collab_server.config import WorkerSettings
from collab_server.errors import FailureKind, JobFailed, WorkersBusy, WorkersClosed
from collab_server.observability import Metrics
from collab_server.pipe import MAX_INLINE_BYTES, BadFrame
from collab_server.runtime.worker_lane import Outcome
from collab_server.runtime.workers import Lane, Workers
from tests.support.children import worker_processes
from tests.support.waiting import PATIENCE, WaitFailed
from tests.support.worker_jobs import TestJob

ROOT = Path(__file__).parents[3]
TABLE = "tests.support.worker_jobs"
FAST, SLOW = Lane.INTERACTIVE, Lane.BACKGROUND
#: Room for pycrdt, and little more.
MEMORY = 200_000_000

Make = Callable[..., Awaitable[Workers]]


pytestmark = pytest.mark.usefixtures("worker_imports")


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def make(tmp_path: Path, metrics: Metrics) -> AsyncIterator[Make]:
    """Started workers; at the end nothing of them may be left."""
    made: list[Workers] = []

    async def start(**settings: Any) -> Workers:
        wanted = {"max_memory_bytes": MEMORY, "interactive_seconds": 20.0, **settings}
        workers = Workers(WorkerSettings(**wanted), metrics, scratch=tmp_path / "scratch", table=TABLE)
        made.append(workers)
        await workers.start()
        return workers

    yield start
    for workers in made:
        await workers.close()
    assert worker_processes() == []
    assert list((tmp_path / "scratch").glob("*")) == []


async def _pid(workers: Workers, lane: Lane = FAST) -> int:
    pid = (await workers.run(lane, TestJob.PID, {})).values["pid"]
    assert isinstance(pid, int)
    return pid


async def _appears(path: Path) -> str:
    """What a job has written; a file is all that a worker in the middle of a job can say."""
    return await asyncio.to_thread(_wait_for, path)


def _wait_for(path: Path) -> str:
    deadline = time.monotonic() + PATIENCE
    while not path.exists():
        if time.monotonic() > deadline:
            raise WaitFailed(f"{path} did not appear")
        time.sleep(0.005)
    text = path.read_text()
    path.unlink()
    return text


async def _failure(work: Awaitable[object]) -> JobFailed:
    with pytest.raises(JobFailed) as caught:
        await work
    return caught.value


# --- what it is for ---


async def test_no_process_before_the_first_job_and_the_same_one_after_it(make: Make) -> None:
    workers = await make()
    assert worker_processes() == []
    assert await _pid(workers) == await _pid(workers)
    assert len(worker_processes()) == 1


@pytest.mark.parametrize(
    "data", [None, b"", b"abc", bytes(MAX_INLINE_BYTES), bytes(MAX_INLINE_BYTES + 1), bytes(9_000_000)]
)
async def test_arguments_and_data_go_there_and_back(make: Make, data: bytes | None) -> None:
    arguments = {"text": "Grüße \ud83d", "list": [1, None, {"a": True}]}
    result = await (await make()).run(FAST, TestJob.ECHO, arguments, data=data)
    assert (result.values, result.data) == (arguments, data)


async def test_jobs_of_a_lane_are_done_in_their_order(make: Make) -> None:
    workers = await make()
    done: list[int] = []

    async def one(number: int) -> None:
        await workers.run(FAST, TestJob.ECHO, {"n": number})
        done.append(number)

    await asyncio.gather(*map(one, range(20)))
    assert done == list(range(20))


async def test_a_lane_does_not_wait_for_another(make: Make, tmp_path: Path) -> None:
    workers = await make()
    go = tmp_path / "go"
    slow = asyncio.create_task(workers.run(SLOW, TestJob.NAP, {"go": str(go)}))
    await workers.run(FAST, TestJob.ECHO, {})
    assert not slow.done()
    go.touch()
    assert (await slow).values == {"done": True}


async def test_the_background_gives_way_to_everything(make: Make) -> None:
    workers = await make()
    for lane, nice in ((FAST, 0), (SLOW, 19), (Lane.STORE, 0)):
        assert (await workers.run(lane, TestJob.PID, {})).values["nice"] == os.nice(0) + nice


async def test_a_process_without_a_job_ends_and_another_comes(make: Make, metrics: Metrics) -> None:
    workers = await make(idle_seconds=0.05)
    process = psutil.Process(await _pid(workers))
    await asyncio.to_thread(process.wait, PATIENCE)
    assert await _pid(workers) != process.pid
    assert not metrics.worker_deaths


# --- how jobs fail ---


async def test_a_refusal_says_why_and_costs_no_process(make: Make, metrics: Metrics) -> None:
    workers = await make()
    pid = await _pid(workers)
    error = await _failure(workers.run(FAST, TestJob.REFUSE, {}))
    assert (error.kind, error.cause, str(error)) == (FailureKind.REFUSED, "Refused", "this cannot be done")
    assert await _pid(workers) == pid
    assert metrics.worker_jobs[FAST, TestJob.REFUSE, Outcome.REFUSED] == 1


@pytest.mark.parametrize(
    ("job", "text"),
    [
        (TestJob.EXIT, "exit code 3"),
        (TestJob.SEGV, "SIGSEGV"),
        (TestJob.BUG, "exit code 71"),
        (TestJob.NONSENSE, "exit code 71"),
        (TestJob.GARBAGE, "no answer"),
    ],
)
async def test_a_crash_is_tried_again_on_a_fresh_process_once(
    make: Make, metrics: Metrics, job: TestJob, text: str
) -> None:
    workers = await make()
    pid = await _pid(workers)
    error = await _failure(workers.run(FAST, job, {}))
    assert error.kind is FailureKind.CRASHED
    assert text in str(error)
    assert metrics.worker_deaths[FAST, FailureKind.CRASHED] == 2
    assert metrics.worker_jobs[FAST, job, Outcome.CRASHED] == 1
    assert await _pid(workers) != pid


async def test_what_works_the_second_time_has_worked(make: Make, metrics: Metrics, tmp_path: Path) -> None:
    workers = await make()
    result = await workers.run(FAST, TestJob.DIE_ONCE, {"mark": str(tmp_path / "mark")})
    assert result.values == {"done": True}
    assert metrics.worker_deaths[FAST, FailureKind.CRASHED] == 1
    assert metrics.worker_jobs[FAST, TestJob.DIE_ONCE, Outcome.DONE] == 1


@pytest.mark.parametrize("job", [TestJob.ALLOCATE, TestJob.ALLOCATE_IN_YRS, TestJob.ABORT])
async def test_more_memory_than_allowed(make: Make, metrics: Metrics, job: TestJob) -> None:
    workers = await make()
    error = await _failure(workers.run(FAST, job, {}))
    assert error.kind is FailureKind.OUT_OF_MEMORY
    assert await _pid(workers)
    assert metrics.worker_deaths[FAST, FailureKind.OUT_OF_MEMORY] == 2


@pytest.mark.parametrize("job", [TestJob.SLEEP, TestJob.SPIN])
async def test_a_job_that_hangs_is_ended_by_its_deadline(make: Make, metrics: Metrics, job: TestJob) -> None:
    workers = await make(interactive_seconds=0.3)
    pid = await _pid(workers)
    error = await _failure(workers.run(FAST, job, {}))
    assert (error.kind, str(error)) == (FailureKind.DEADLINE, "not done within 0.3 s")
    assert metrics.worker_deaths[FAST, FailureKind.DEADLINE] == 2
    assert not psutil.pid_exists(pid)


async def test_the_deadline_grows_with_what_there_is_to_look_at(make: Make, tmp_path: Path) -> None:
    workers = await make(interactive_seconds=0.001, per_megabyte_seconds=20.0)
    assert (await workers.run(FAST, TestJob.ECHO, {}, size_hint=1_000_000)).values == {}
    error = await _failure(workers.run(FAST, TestJob.SLEEP, {}, size_hint=1_000))
    assert str(error) == "not done within 0.0 s"


async def test_killed_while_idle_nobody_notices(make: Make, metrics: Metrics) -> None:
    workers = await make()
    process = psutil.Process(await _pid(workers))
    process.kill()
    await asyncio.to_thread(process.wait, PATIENCE)
    assert await _pid(workers) != process.pid
    assert metrics.worker_deaths[FAST, FailureKind.CRASHED] == 1


async def test_killed_in_the_middle_of_a_job_it_is_done_again(make: Make, tmp_path: Path) -> None:
    workers = await make()
    note, go = tmp_path / "note", tmp_path / "go"
    job = asyncio.create_task(workers.run(FAST, TestJob.NAP, {"note": str(note), "go": str(go)}))
    os.kill(int(await _appears(note)), signal.SIGKILL)
    await _appears(note)
    go.touch()
    assert (await job).values == {"done": True}


async def test_a_table_that_cannot_be_imported(tmp_path: Path, metrics: Metrics) -> None:
    workers = Workers(WorkerSettings(), metrics, scratch=tmp_path / "scratch", table="no.such.table")
    await workers.start()
    error = await _failure(workers.run(FAST, TestJob.PID, {}))
    assert str(error) == "the worker ended by exit code 1"
    await workers.close()


async def test_a_machine_that_gives_no_process_is_not_the_jobs_fault(
    make: Make, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Story: without memory for a fork, compactions looked for the struct at fault, in a hundred trials."""
    launches = 0

    async def launch(*_: str) -> None:
        nonlocal launches
        launches += 1
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    workers = await make()
    with monkeypatch.context() as patch, capture_logs() as lines:
        patch.setattr("collab_server.runtime.worker_lane.WorkerProcess.launch", launch)
        error = await _failure(workers.run(FAST, TestJob.PID, {}))
    assert (error.kind, error.cause, launches) == (FailureKind.UNAVAILABLE, "EMFILE", 1)
    assert [(line["event"], line["cause"]) for line in lines] == [("job_failed", "EMFILE")]
    assert not metrics.worker_deaths
    assert metrics.worker_jobs[FAST, TestJob.PID, Outcome.UNAVAILABLE] == 1
    assert await _pid(workers)


async def test_a_file_that_cannot_be_handed_over_costs_no_process(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    workers = await make()
    pid = await _pid(workers)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        error = await _failure(workers.run(FAST, TestJob.ECHO, {}, data=bytes(MAX_INLINE_BYTES + 1)))
    assert (error.kind, error.cause) == (FailureKind.UNAVAILABLE, "ENOSPC")
    assert await _pid(workers) == pid


# --- what it says ---


async def test_a_flood_on_stderr_costs_no_memory_and_is_not_shown(make: Make) -> None:
    workers = await make()
    before = psutil.Process().memory_info().rss
    assert (await workers.run(FAST, TestJob.FLOOD, {})).values == {"done": True}
    assert psutil.Process().memory_info().rss - before < 16_000_000


async def test_a_death_is_logged_with_its_place_and_without_content(make: Make) -> None:
    workers = await make()
    with capture_logs() as lines:
        await _failure(workers.run(FAST, TestJob.BUG, {}))
    deaths = [line for line in lines if line["event"] == "worker_died"]
    assert len(deaths) == 2
    assert deaths[0]["lane"] == "interactive"
    assert any("worker_jobs.py" in line and "in _bug" in line for line in deaths[0]["stderr"])
    assert "worker: ValueError" in deaths[0]["stderr"]
    assert "SECRET" not in str(lines)


# --- bounds and the end ---


async def test_a_full_queue_refuses(make: Make, metrics: Metrics, tmp_path: Path) -> None:
    workers = await make(max_queued_jobs=2)
    note, go = tmp_path / "note", tmp_path / "go"
    first = asyncio.create_task(workers.run(FAST, TestJob.NAP, {"note": str(note), "go": str(go)}))
    await _appears(note)
    waiting = [asyncio.create_task(workers.run(FAST, TestJob.ECHO, {})) for _ in range(2)]
    await asyncio.sleep(0)
    assert metrics.worker_queue[FAST] == 2
    with pytest.raises(WorkersBusy):
        await workers.run(FAST, TestJob.ECHO, {})
    go.touch()
    await asyncio.gather(first, *waiting)
    assert metrics.worker_queue[FAST] == 0
    assert metrics.worker_jobs[FAST, TestJob.ECHO, Outcome.BUSY] == 1


async def test_a_cancelled_caller_frees_its_place_and_a_running_job_goes_on(
    make: Make, metrics: Metrics, tmp_path: Path
) -> None:
    workers = await make()
    note, go, mark = tmp_path / "note", tmp_path / "go", tmp_path / "mark"
    running = asyncio.create_task(workers.run(FAST, TestJob.NAP, {"note": str(note), "go": str(go)}))
    pid = int(await _appears(note))
    waiting = asyncio.create_task(workers.run(FAST, TestJob.DIE_ONCE, {"mark": str(mark)}))
    await asyncio.sleep(0)
    running.cancel()
    waiting.cancel()
    await asyncio.gather(running, waiting, return_exceptions=True)
    assert metrics.worker_queue[FAST] == 0
    go.touch()
    assert await _pid(workers) == pid
    assert not mark.exists()
    assert metrics.worker_jobs[FAST, TestJob.DIE_ONCE, Outcome.CANCELLED] == 1
    assert metrics.worker_jobs[FAST, TestJob.NAP, Outcome.CANCELLED] == 1


async def test_arguments_that_cannot_be_sent_are_the_callers_fault(make: Make) -> None:
    workers = await make()
    for arguments in ({"x": "x" * 2_000_000}, {"x": float("nan")}):
        with pytest.raises(BadFrame):
            await workers.run(FAST, TestJob.ECHO, arguments)
    assert worker_processes() == []


async def test_closing_lets_the_running_job_finish_and_drops_those_that_wait(
    make: Make, tmp_path: Path
) -> None:
    workers = await make(close_seconds=4)
    note, go = tmp_path / "note", tmp_path / "go"
    running = asyncio.create_task(workers.run(FAST, TestJob.NAP, {"note": str(note), "go": str(go)}))
    await _appears(note)
    waiting = asyncio.create_task(workers.run(FAST, TestJob.ECHO, {}))
    await asyncio.sleep(0)
    closing = asyncio.create_task(workers.close())
    with pytest.raises(WorkersClosed):
        await waiting
    go.touch()
    await closing
    assert (await running).values == {"done": True}
    with pytest.raises(WorkersClosed):
        await workers.run(FAST, TestJob.ECHO, {})


@pytest.mark.parametrize("job", [TestJob.SLEEP, TestJob.SPIN])
async def test_closing_kills_what_does_not_finish(make: Make, tmp_path: Path, job: TestJob) -> None:
    workers = await make(close_seconds=0.1)
    note = tmp_path / "note"
    running = asyncio.create_task(workers.run(FAST, job, {"note": str(note)}))
    pid = int(await _appears(note))
    started = time.monotonic()
    await workers.close()
    assert time.monotonic() - started < 5
    assert not psutil.pid_exists(pid)
    with pytest.raises(WorkersClosed):
        await running


async def test_signals_to_the_group_do_not_end_a_job(make: Make, tmp_path: Path) -> None:
    workers = await make()
    note, go = tmp_path / "note", tmp_path / "go"
    job = asyncio.create_task(workers.run(FAST, TestJob.NAP, {"note": str(note), "go": str(go)}))
    pid = int(await _appears(note))
    # At a terminal only the group of the foreground gets Ctrl-C; systemd sends SIGTERM to every process.
    assert os.getsid(pid) != os.getsid(0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(pid, number)
    go.touch()
    assert (await job).values == {"done": True}


_OWNER = """
import asyncio, sys
from pathlib import Path
from collab_server.config import WorkerSettings
from collab_server.observability import Metrics
from collab_server.runtime.workers import Lane, Workers
from tests.support.worker_jobs import TestJob

async def main(scratch, note, job):
    workers = Workers(WorkerSettings(), Metrics(), scratch=Path(scratch), table="tests.support.worker_jobs")
    await workers.start()
    await workers.run(Lane.BACKGROUND, TestJob.PID, {}, data=bytes(2_000_000))
    await workers.run(Lane.BACKGROUND, TestJob(job), {"note": note}, data=bytes(2_000_000))

import uvloop
uvloop.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("job", [TestJob.SLEEP, TestJob.SPIN])
async def test_a_server_that_is_killed_leaves_no_worker_and_its_files_are_swept(
    make: Make, tmp_path: Path, job: TestJob
) -> None:
    note, scratch = tmp_path / "note", tmp_path / "scratch"
    arguments = ("-c", _OWNER, str(scratch), str(note), job.value)
    owner = await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT)
    try:
        worker = psutil.Process(int(await _appears(note)))
    finally:
        owner.kill()
        await owner.wait()
    await asyncio.to_thread(psutil.wait_procs, [worker], PATIENCE)
    assert not worker.is_running()
    left = list(scratch.rglob("*"))
    assert any(path.is_file() for path in left)
    await make()
    assert not any(path.exists() for path in left)
