"""Saving: groups, order, retries, and acknowledgements that never come early."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from collab_storage import ConflictError, Record, RecordKind, StorageError, StreamKey, UnavailableError
from collab_storage.memory import MemoryJournal
from structlog.testing import capture_logs

from collab_server.config import StorageSettings
from collab_server.observability.metrics import Metrics
from collab_server.runtime.persister import Persister, Removal

KEY = StreamKey("default", "r", "doc")


class FaultyJournal(MemoryJournal):
    """Fails as often as told; remembers its commits; can be held up."""

    def __init__(self) -> None:
        super().__init__()
        self.failures = 0
        self.bugs = 0
        self.commits: list[int] = []
        self.failed = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.removals_fail = False
        self.removal_gate = asyncio.Event()
        self.removal_gate.set()

    async def append(self, records) -> None:
        await self.gate.wait()
        if self.bugs:
            self.bugs -= 1
            raise TypeError("a bug")
        if self.failures:
            self.failures -= 1
            self.failed.set()
            raise UnavailableError("the disk is full")
        await super().append(records)
        self.commits.append(len(records))

    async def remove_offsets(self, key, offsets) -> None:
        await self.removal_gate.wait()
        if self.removals_fail:
            raise UnavailableError("the disk is full")
        await super().remove_offsets(key, offsets)


def record(offset: int, data: bytes = b"x", *, name: str = "r") -> Record:
    return Record("default", name, "doc", offset, RecordKind.DELTA, data, b"[]", 0.0)


class Room:
    """An owner that remembers what it was told."""

    def __init__(self, acknowledged: list[int]) -> None:
        self.lost = False
        self.error: StorageError | None = None
        self._acknowledged = acknowledged

    def saved(self, version: int) -> None:
        self._acknowledged.append(version)

    def save_failed(self, error: StorageError) -> None:
        self.lost = True
        self.error = error


class Bench:
    def __init__(self, journal: FaultyJournal, persister: Persister, metrics: Metrics) -> None:
        self.journal, self.persister, self.metrics = journal, persister, metrics
        self.acknowledged: list[int] = []
        self.room = Room(self.acknowledged)

    def submit(self, offset: int, *, room: Room | None = None, **more) -> None:
        self.persister.submit(room or self.room, [record(offset, **more)], version=offset)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    journal, metrics = FaultyJournal(), Metrics()
    await journal.open()
    settings = StorageSettings(commit_interval_seconds=0.01, retry_max_seconds=0.02, max_unsaved_bytes=100)
    persister = Persister(journal, settings, metrics)
    running = asyncio.create_task(persister.run())
    yield Bench(journal, persister, metrics)
    journal.failures = 0
    journal.gate.set()
    journal.removal_gate.set()
    await asyncio.wait_for(persister.saved(), 5)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await journal.close()


async def test_what_comes_within_an_interval_shares_a_commit_and_is_acknowledged_in_order(
    bench: Bench,
) -> None:
    bench.submit(1)
    await bench.persister.saved()
    for offset in range(2, 7):
        bench.submit(offset)
    await bench.persister.saved()
    assert bench.journal.commits == [1, 5]
    assert bench.acknowledged == [1, 2, 3, 4, 5, 6]
    assert bench.persister.unsaved_bytes == 0
    assert (bench.metrics.commits, bench.metrics.records_committed) == (2, 6)


async def test_a_journal_that_does_not_answer_is_failing_until_it_does(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Story: with a disk that hung, the server said that it was ready for more people, for ever."""
    monkeypatch.setattr("collab_server.runtime.persister._SILENT_SECONDS", 0.01)
    bench.journal.gate.clear()
    bench.submit(1)
    async with asyncio.timeout(5):
        while not bench.persister.failing:  # noqa: ASYNC110
            # It is what readiness asks; nothing tells of it.
            await asyncio.sleep(0.005)
    assert (bench.metrics.save_failures, bench.acknowledged) == (1, [])
    bench.journal.gate.set()
    await bench.persister.saved()
    assert not bench.persister.failing
    assert bench.acknowledged == [1]


async def test_the_pause_between_two_attempts_is_no_silence(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collab_server.runtime.persister._SILENT_SECONDS", 0.005)
    bench.journal.failures = 2
    bench.submit(1)
    await bench.persister.saved()
    assert bench.metrics.save_failures == 2


async def test_nothing_is_acknowledged_before_the_commit_returns(bench: Bench) -> None:
    bench.journal.gate.clear()
    bench.submit(1)
    await asyncio.sleep(0.03)
    assert bench.acknowledged == []
    assert bench.persister.unsaved_bytes == 1
    bench.journal.gate.set()
    await bench.persister.saved()
    assert bench.acknowledged == [1]


async def test_a_failing_journal_is_tried_again_with_the_same_records(bench: Bench) -> None:
    bench.journal.failures = 3
    bench.submit(1)
    await asyncio.sleep(0)
    bench.submit(2)
    await bench.journal.failed.wait()
    await asyncio.sleep(0)
    assert bench.persister.failing
    assert bench.acknowledged == []
    await asyncio.wait_for(bench.persister.saved(), 5)
    assert not bench.persister.failing
    assert bench.acknowledged == [1, 2]
    assert bench.metrics.save_failures == 3
    assert [row.offset for row in await bench.journal.read(KEY)] == [1, 2]


async def test_too_much_unsaved_is_said(bench: Bench) -> None:
    bench.journal.gate.clear()
    bench.submit(1, data=b"x" * 100)
    assert not bench.persister.overloaded
    bench.submit(2)
    assert bench.persister.overloaded
    bench.journal.gate.set()
    await bench.persister.saved()
    assert not bench.persister.overloaded


async def test_rows_are_removed_only_after_what_replaces_them_is_durable(bench: Bench) -> None:
    bench.submit(1)
    await bench.persister.saved()
    bench.journal.gate.clear()
    bench.persister.submit(bench.room, [record(2)], version=2, removal=Removal(KEY, [1]))
    await asyncio.sleep(0.02)
    assert [row.offset for row in await bench.journal.read(KEY)] == [1]
    bench.journal.gate.set()
    await bench.persister.saved()
    assert [row.offset for row in await bench.journal.read(KEY)] == [2]


async def test_a_removal_alone_is_no_commit(bench: Bench) -> None:
    bench.submit(1)
    await bench.persister.saved()
    bench.persister.submit(bench.room, [], version=1, removal=Removal(KEY, [1]))
    await bench.persister.saved()
    assert bench.journal.commits == [1]
    assert await bench.journal.read(KEY) == []


async def test_records_that_the_journal_will_never_take_concern_their_room_alone(bench: Bench) -> None:
    """Story: one room whose offset was taken made its batch fail for ever, and nobody's edits were saved."""
    bench.submit(1, data=b"first")
    await bench.persister.saved()
    other = Room(bench.acknowledged)
    bench.journal.gate.clear()
    bench.submit(1, data=b"something else")
    bench.submit(2)
    bench.submit(7, room=other, data=b"y", name="other")
    bench.journal.gate.set()
    await asyncio.wait_for(bench.persister.saved(), 5)
    assert isinstance(bench.room.error, ConflictError)
    assert bench.acknowledged == [1, 7]
    assert bench.persister.unsaved_bytes == 0
    assert not bench.persister.failing
    bench.submit(8, room=other, name="other")
    bench.submit(9)
    await bench.persister.saved()
    assert bench.acknowledged == [1, 7, 8], "nothing more is written of a lost room"


async def test_an_error_nobody_expected_is_tried_again(bench: Bench) -> None:
    bench.journal.bugs = 2
    bench.submit(1)
    await asyncio.wait_for(bench.persister.saved(), 5)
    assert bench.acknowledged == [1]
    assert bench.metrics.save_failures == 2


async def test_an_owner_that_fails_when_told_stops_nobody(bench: Bench) -> None:
    class Clumsy(Room):
        def saved(self, version: int) -> None:
            raise RuntimeError("a bug")

    bench.submit(1, room=Clumsy([]))
    bench.submit(2)
    await asyncio.wait_for(bench.persister.saved(), 5)
    assert bench.acknowledged == [2]


async def test_rows_that_cannot_be_removed_are_told_once_and_are_no_failure_to_save(bench: Bench) -> None:
    """Story: what was saved was reported as not saved, in one line for each write."""

    async def write(offset: int) -> None:
        removal = Removal(KEY, [offset - 1])
        bench.persister.submit(bench.room, [record(offset)], version=offset, removal=removal)
        await bench.persister.saved()

    with capture_logs() as lines:
        for offset, fails in [(1, True), (2, True), (3, False), (4, True)]:
            bench.journal.removals_fail = fails
            await write(offset)
    assert bench.acknowledged == [1, 2, 3, 4]
    assert not bench.persister.failing
    assert [line["event"] for line in lines] == ["cleanup_failed"] * 2, "the first of each row of failures"
    assert (bench.metrics.cleanups_failed, bench.metrics.save_failures) == (3, 0)


@pytest.mark.parametrize("fails", [False, True])
async def test_a_journal_that_hangs_at_a_removal_is_failing_until_it_answers(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    monkeypatch.setattr("collab_server.runtime.persister._SILENT_SECONDS", 0.01)
    bench.journal.removal_gate.clear()
    bench.persister.submit(bench.room, [record(1)], version=1, removal=Removal(KEY, [0]))
    async with asyncio.timeout(5):
        while not bench.persister.failing:  # noqa: ASYNC110
            # It is what readiness asks; nothing tells of it.
            await asyncio.sleep(0.005)
    assert bench.acknowledged == [1]
    bench.journal.removals_fail = fails
    bench.journal.removal_gate.set()
    await bench.persister.saved()
    assert not bench.persister.failing, "also if nothing more is to be saved"
    assert bench.metrics.commits == 1
