"""How the failures of a worker that compacts are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from collab_server.errors import FailureKind, JobFailed, UnavailableError, WorkersBusy, WorkersClosed
from collab_server.runtime.compactor import CompactionError
from collab_server.runtime.in_worker import CompactInWorker
from collab_server.runtime.offenders import Offender
from collab_server.types import Job, RoomKey

KEY = RoomKey("default", "notes")
DIED = JobFailed(FailureKind.CRASHED, "the worker died")
SHORT = JobFailed(FailureKind.UNAVAILABLE, "no worker could be had", cause="ENOMEM")
REFUSED = JobFailed(FailureKind.REFUSED, "no room on the disk", cause="UnavailableError")
INVALID = JobFailed(FailureKind.REFUSED, "no document", cause="InvalidUpdate")


class Workers:
    """Remembers what is run, and fails when told."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.ran: list[tuple[Job, dict[str, Any]]] = []

    async def run(self, lane: object, job: Job, arguments: dict[str, Any], *, size_hint: int) -> None:
        self.ran.append((job, arguments))
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def workers() -> Workers:
    return Workers()


@pytest.fixture
def compact(workers: Workers) -> CompactInWorker:
    return CompactInWorker(workers, journal=Path("j.sqlite3"), bases=Path("b.sqlite3"), synchronous="full")


async def test_the_worker_is_told_which_files_and_which_room(
    workers: Workers, compact: CompactInWorker
) -> None:
    await compact(KEY, 7, 1000)
    await compact.without([Offender(5, (1, 2, 3))], KEY, 7, 1000)
    (job, plain), (_, without) = workers.ran
    assert job is Job.COMPACT
    assert plain == {
        "journal": "j.sqlite3",
        "bases": "b.sqlite3",
        "tenant": "default",
        "room": "notes",
        "upto": 7,
        "unusable": [],
        "synchronous": "full",
    }
    assert without == {**plain, "unusable": [[5, 1, 2, 3]]}


@pytest.mark.parametrize(
    ("failure", "by_content"),
    [
        (DIED, True),
        (INVALID, True),
        (REFUSED, False),
        (SHORT, False),
        (WorkersBusy(), False),
        (WorkersClosed(), False),
    ],
)
async def test_whose_fault_a_failure_is(
    workers: Workers, compact: CompactInWorker, failure: Exception, by_content: bool
) -> None:
    workers.failure = failure
    with pytest.raises(CompactionError) as told:
        await compact(KEY, 7, 1000)
    assert told.value.by_content is by_content
    assert told.value.by_load is isinstance(failure, UnavailableError)


async def test_a_try_passes_fails_or_cannot_be_made(workers: Workers, compact: CompactInWorker) -> None:
    assert await compact.passes([], KEY, 7, 1000, alone=True)
    assert workers.ran[-1][0] is Job.TRY_COMPACTION
    assert workers.ran[-1][1]["alone"] is True
    for workers.failure in (DIED, INVALID):
        assert not await compact.passes([], KEY, 7, 1000, alone=False)
    for workers.failure in (REFUSED, SHORT, WorkersBusy(), WorkersClosed()):
        with pytest.raises(CompactionError):
            await compact.passes([], KEY, 7, 1000, alone=False)
