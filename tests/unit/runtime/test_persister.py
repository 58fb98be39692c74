"""Saving: groups, order, retries, and acknowledgements that never come early."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from collab_storage import Record, RecordKind, StreamKey, UnavailableError
from collab_storage.memory import MemoryJournal

from collab_server.config import StorageSettings
from collab_server.observability.metrics import Metrics
from collab_server.runtime.persister import Persister, Removal

KEY = StreamKey("default", "r", "doc")


class FaultyJournal(MemoryJournal):
    """Fails as often as told; remembers its commits; can be held up."""

    def __init__(self) -> None:
        super().__init__()
        self.failures = 0
        self.commits: list[int] = []
        self.failed = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def append(self, records) -> None:
        await self.gate.wait()
        if self.failures:
            self.failures -= 1
            self.failed.set()
            raise UnavailableError("the disk is full")
        await super().append(records)
        self.commits.append(len(records))


def record(offset: int, data: bytes = b"x", room: str = "r") -> Record:
    return Record("default", room, "doc", offset, RecordKind.DELTA, data, b"[]", 0.0)


class Bench:
    def __init__(self, journal: FaultyJournal, persister: Persister, metrics: Metrics) -> None:
        self.journal, self.persister, self.metrics = journal, persister, metrics
        self.acknowledged: list[int] = []

    def submit(self, offset: int, **more) -> None:
        self.persister.submit([record(offset, **more)], lambda: self.acknowledged.append(offset))


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
    persister.stop()
    await asyncio.wait_for(running, 5)
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
    bench.persister.submit([record(2)], lambda: None, removal=Removal(KEY, [1]))
    await asyncio.sleep(0.02)
    assert [row.offset for row in await bench.journal.read(KEY)] == [1]
    bench.journal.gate.set()
    await bench.persister.saved()
    assert [row.offset for row in await bench.journal.read(KEY)] == [2]


async def test_a_removal_alone_is_no_commit(bench: Bench) -> None:
    bench.submit(1)
    await bench.persister.saved()
    bench.persister.submit([], lambda: None, removal=Removal(KEY, [1]))
    await bench.persister.saved()
    assert bench.journal.commits == [1]
    assert await bench.journal.read(KEY) == []


async def test_stop_saves_what_is_left(bench: Bench) -> None:
    bench.journal.gate.clear()
    for offset in range(1, 4):
        bench.submit(offset)
    bench.persister.stop()
    bench.journal.gate.set()
    await asyncio.wait_for(bench.persister.saved(), 5)
    assert bench.acknowledged == [1, 2, 3]
