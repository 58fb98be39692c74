"""Where updates are scanned, and what is passed over because it is known."""

from __future__ import annotations

import asyncio

import pytest

from collab_server.errors import FailureKind, InvalidUpdate, JobFailed, RefusalReason, WorkersClosed
from collab_server.runtime.scanner import Scanned, Scanner
from collab_server.runtime.tasks import TaskOwner
from collab_server.updates import DeletedRanges, ScanLimits, Update, scan
from tests.support.update_bytes import one, section, string, update
from tests.unit.runtime.worlds import Scanning


@pytest.fixture
def worker() -> Scanning:
    return Scanning()


@pytest.fixture
def scanner(worker: Scanning) -> Scanner:
    return Scanner(ScanLimits(), inline_bytes=100, worker=worker, tasks=TaskOwner())


def many(count: int) -> DeletedRanges:
    ranges = DeletedRanges()
    ranges.add_many(1, [(3 * n, 3 * n + 1) for n in range(count)])
    return ranges


async def elsewhere(scanner: Scanner, data: bytes) -> Scanned:
    done: asyncio.Future[Scanned] = asyncio.get_running_loop().create_future()
    scanner.scan_elsewhere(data, done.set_result)
    assert not done.done(), "never before it returns"
    return await asyncio.wait_for(done, 5)


async def test_a_worker_finds_what_a_scan_here_finds(scanner: Scanner) -> None:
    data = update(section(7, 3, string("abc", (7, 2), (9, 4))), deletes={7: [(0, 2)]})
    found = await elsewhere(scanner, data)
    assert isinstance(found, Update)
    assert [repr(run) for run in found.structs] == [repr(run) for run in scan(data).structs]
    assert list(found.deletes) == [(7, 0, 2)]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (one(string("a")) + b"x", RefusalReason.MALFORMED),
        (b"\x01\x01\x01\x00\x0b\x01\x01t\x00", RefusalReason.UNKNOWN_CONTENT),
    ],
)
async def test_a_refusal_keeps_its_reason(scanner: Scanner, data: bytes, reason: RefusalReason) -> None:
    found = await elsewhere(scanner, data)
    assert isinstance(found, InvalidUpdate)
    assert found.reason is reason


@pytest.mark.parametrize("kind", [FailureKind.CRASHED, FailureKind.DEADLINE, FailureKind.OUT_OF_MEMORY])
async def test_what_ends_workers_is_too_large(scanner: Scanner, worker: Scanning, kind: FailureKind) -> None:
    worker.failure = JobFailed(kind, "twice")
    found = await elsewhere(scanner, one(string("a")))
    assert isinstance(found, InvalidUpdate)
    assert found.reason is RefusalReason.TOO_LARGE


@pytest.mark.parametrize(
    "failure",
    [WorkersClosed("the server stops"), JobFailed(FailureKind.UNAVAILABLE, "no worker", cause="EMFILE")],
)
async def test_without_workers_nothing_is_said_of_the_update(
    scanner: Scanner, worker: Scanning, failure: Exception
) -> None:
    worker.failure = failure
    assert await elsewhere(scanner, one(string("a"))) is None


async def test_known_deletions_alone_need_no_worker(scanner: Scanner) -> None:
    known = many(10_000)
    sent = known.copy()
    sent.add(5, 0, 1)
    found = scanner.scan_known(b"\x00" + sent.encode(), known)
    assert found is not None
    assert list(found.deletes) == [(5, 0, 1)]


async def test_new_structs_or_many_new_deletions_do(scanner: Scanner) -> None:
    known = many(10_000)
    assert scanner.scan_known(one(string("a")), known) is None
    assert scanner.scan_known(b"\x00" + known.encode(), DeletedRanges()) is None
    with pytest.raises(InvalidUpdate):
        scanner.scan_known(b"\x00" + known.encode() + b"x", known)


async def test_what_is_known_is_left_out_of_what_a_worker_found(scanner: Scanner) -> None:
    known = many(10_000)
    data = one(string("a"))[:-1] + known.encode()
    found = scan(data)
    assert len(found.deletes) == 10_000
    left = scanner.leave_out_known(found, data, known)
    assert (list(left.deletes), left.structs) == ([], found.structs)
    assert scanner.leave_out_known(found, data, DeletedRanges()) is found
