"""What has broken Yrs, given to it in a worker: the process may die, its lane and the server may not.

Twice each: as the job `preview` takes it, from a journal, and past the scan that every real job does first.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from collab_server.config import WorkerSettings
from collab_server.errors import FailureKind, JobFailed
from collab_server.observability import Metrics
from collab_server.runtime.workers import Lane, Workers
from collab_server.types import Job
from tests.support.children import worker_processes
from tests.support.worker_jobs import TestJob
from tests.unit.engine import documents
from tests.unit.engine.journals import write_document

pytestmark = pytest.mark.usefixtures("worker_imports")

MEMORY = 400_000_000
#: What the server's memory may move by while a worker is taken apart.
QUIET_BYTES = 30_000_000

HOSTILE = {
    "F4": [documents.HONEST, documents.VALUES_30_000_DEEP],
    "F5": [documents.HONEST, documents.VALUES_20_000_DEEP],
    "F7": [documents.HONEST, documents.EMPTY_SECTION],
    "F8": [documents.CLOCK_2_32, documents.HONEST],
    "F9": [documents.CLOCK_2_32, documents.TEXT_AT_CLOCK_2_32],
}


async def _workers(scratch: Path, table: str) -> AsyncIterator[Workers]:
    settings = WorkerSettings(max_memory_bytes=MEMORY, background_seconds=10.0)
    workers = Workers(settings, Metrics(), scratch=scratch, table=table)
    await workers.start()
    before = psutil.Process().memory_info().rss
    yield workers
    assert psutil.Process().memory_info().rss - before < QUIET_BYTES
    await workers.close()


@pytest.fixture
async def workers(tmp_path: Path) -> AsyncIterator[Workers]:
    async for made in _workers(tmp_path / "scratch", "collab_server.engine.jobs"):
        yield made


@pytest.fixture
async def bare(tmp_path: Path) -> AsyncIterator[Workers]:
    async for made in _workers(tmp_path / "scratch", "tests.support.worker_jobs"):
        yield made


async def _preview(workers: Workers, data: Path, room: str, updates: Sequence[bytes]) -> object:
    path = await write_document(data, room, updates)
    arguments = {
        "journal": str(path),
        "bases": str(path.parent / "bases.sqlite3"),
        "tenant": "default",
        "room": room,
    }
    result = await workers.run(Lane.BACKGROUND, Job.PREVIEW, {**arguments})
    return json.loads(result.data or b"")["roots"]


async def test_a_preview_refuses_each_and_its_process_lives(workers: Workers, tmp_path: Path) -> None:
    await _preview(workers, tmp_path, "before", [documents.HONEST])
    (process,) = worker_processes()
    for name, updates in HOSTILE.items():
        with pytest.raises(JobFailed) as caught:
            await _preview(workers, tmp_path, name, updates)
        assert (caught.value.kind, caught.value.cause) == (FailureKind.REFUSED, "NotLoadable")
    shown = await _preview(workers, tmp_path, "after", [documents.HONEST])
    assert shown == [{"name": "t", "type": "text", "content": "honest"}]
    assert worker_processes() == [process]


async def test_maps_nested_one_by_one_and_then_deleted_are_shown(workers: Workers, tmp_path: Path) -> None:
    """F6: each update is innocent; Yrs drops them by recursion, for which the job's stack is large enough."""
    shown = await _preview(workers, tmp_path, "F6", documents.maps_in_maps(50_000))
    assert shown == [{"name": "m", "type": "map", "content": {}}]
    (process,) = worker_processes()
    await _preview(workers, tmp_path, "after", [documents.HONEST])
    assert worker_processes() == [process]


@pytest.mark.parametrize("name", HOSTILE)
async def test_past_the_scan_only_the_worker_suffers(bare: Workers, name: str) -> None:
    data = json.dumps([b64encode(update).decode() for update in HOSTILE[name]]).encode()
    try:
        await bare.run(Lane.BACKGROUND, TestJob.LOAD, {}, data=data)
    except JobFailed:
        # Which way it goes depends on the version of Yrs; that it is told, and goes on, does not.
        pass
    assert (await bare.run(Lane.BACKGROUND, TestJob.ECHO, {"a": 1})).values == {"a": 1}


async def test_a_panic_of_yrs_is_a_refusal(bare: Workers) -> None:
    """F7 without the scan. The panic is a BaseException, and its message may quote the document."""
    data = json.dumps([b64encode(update).decode() for update in HOSTILE["F7"]]).encode()
    with pytest.raises(JobFailed) as caught:
        await bare.run(Lane.BACKGROUND, TestJob.LOAD, {}, data=data)
    assert (caught.value.kind, caught.value.cause) == (FailureKind.REFUSED, "Panic")
    assert str(caught.value) == "Yrs panicked on this document"
