"""Bases in memory: read once, forgotten when the budget is spent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from collab_storage import Base as StoredBase
from collab_storage import UnavailableError
from collab_storage.bases import CHUNK_BYTES
from collab_storage.memory_bases import MemoryBases

from collab_server.errors import InvalidUpdate
from collab_server.observability.labels import MemoryKind
from collab_server.observability.metrics import Metrics
from collab_server.runtime.base_cache import BaseCache
from collab_server.runtime.tasks import TaskOwner
from collab_server.updates.compaction import compact
from tests.support.update_bytes import one, string


class CountingBases(MemoryBases):
    def __init__(self) -> None:
        super().__init__()
        self.chunks_read = 0

    async def chunk(self, base: StoredBase, number: int) -> bytes:
        self.chunks_read += 1
        return await super().chunk(base, number)


@pytest.fixture
async def tasks() -> AsyncIterator[TaskOwner]:
    owner = TaskOwner()
    yield owner
    await owner.close()


def put(bases: MemoryBases, room: str, size: int) -> StoredBase:
    made = compact([one(string("x" * size))])
    return bases.put(
        tenant="t", room=room, offset=1, head=made.head.encode(), table=made.table.encode(),
        data=made.pieces, time=0.0,
    )  # fmt: skip


async def test_many_who_ask_read_it_once_in_chunks(tasks: TaskOwner) -> None:
    bases, metrics = CountingBases(), Metrics()
    stored = put(bases, "r", 3 * CHUNK_BYTES)
    cache = BaseCache(bases, budget_bytes=10**8, metrics=metrics, tasks=tasks)
    assert cache.get(stored) is None
    found = await asyncio.gather(*(cache.load(stored) for _ in range(5)))
    assert len({id(base) for base in found}) == 1
    assert bases.chunks_read == stored.chunks == 4
    assert cache.get(stored) is found[0]
    assert (
        b"".join(found[0].slices(0, stored.size_bytes)) == compact([one(string("x" * 3 * CHUNK_BYTES))]).data
    )
    assert metrics.memory_bytes[MemoryKind.BASE_CACHE] == found[0].size_bytes


async def test_the_least_recently_used_goes(tasks: TaskOwner) -> None:
    bases, metrics = MemoryBases(), Metrics()
    cache = BaseCache(bases, budget_bytes=2500, metrics=metrics, tasks=tasks)
    a, b, c = (put(bases, room, 1000) for room in "abc")
    await cache.load(a)
    await cache.load(b)
    cache.get(a)
    await cache.load(c)
    assert cache.get(b) is None
    assert cache.get(a)
    assert cache.get(c)
    cache.forget(a.id)
    cache.forget(a.id)
    cache.forget(c.id)
    assert metrics.memory_bytes[MemoryKind.BASE_CACHE] == 0


async def test_one_over_the_budget_serves_those_who_need_it(tasks: TaskOwner) -> None:
    bases = MemoryBases()
    cache = BaseCache(bases, budget_bytes=10, metrics=Metrics(), tasks=tasks)
    stored = put(bases, "a", 1000)
    assert await cache.load(stored)
    assert cache.get(stored)


async def test_a_failure_is_everybodys_and_not_kept(tasks: TaskOwner) -> None:
    bases = CountingBases()
    stored = put(bases, "a", 10)
    cache = BaseCache(bases, budget_bytes=10**6, metrics=Metrics(), tasks=tasks)
    read = bases.table

    async def away(_: StoredBase) -> bytes:
        raise UnavailableError("away")

    bases.table = away  # type: ignore[method-assign]
    results = await asyncio.gather(cache.load(stored), cache.load(stored), return_exceptions=True)
    assert [type(result) for result in results] == [UnavailableError] * 2
    bases.table = read  # type: ignore[method-assign]
    assert await cache.load(stored)


async def test_a_table_that_is_none_is_refused(tasks: TaskOwner) -> None:
    bases = MemoryBases()
    stored = bases.put(tenant="t", room="r", offset=1, head=b"h", table=b"no table", data=[b"x"], time=0.0)
    cache = BaseCache(bases, budget_bytes=10, metrics=Metrics(), tasks=tasks)
    with pytest.raises(InvalidUpdate):
        await cache.load(stored)


async def test_one_forgotten_while_it_is_read_serves_who_waits_and_is_not_kept(tasks: TaskOwner) -> None:
    """Story: a compaction let go of a base that a joiner was waiting for, and it then stayed for nobody."""
    bases, metrics = CountingBases(), Metrics()
    stored = put(bases, "a", 10)
    cache = BaseCache(bases, budget_bytes=10**6, metrics=metrics, tasks=tasks)
    first = asyncio.create_task(cache.load(stored))
    await asyncio.sleep(0)
    cache.forget(stored.id)
    assert await first
    assert cache.get(stored) is None
    assert metrics.memory_bytes[MemoryKind.BASE_CACHE] == 0


async def test_one_asked_for_again_after_that_is_read_again_and_kept(tasks: TaskOwner) -> None:
    bases = CountingBases()
    stored = put(bases, "a", 10)
    cache = BaseCache(bases, budget_bytes=10**6, metrics=Metrics(), tasks=tasks)
    first = asyncio.create_task(cache.load(stored))
    await asyncio.sleep(0)
    cache.forget(stored.id)
    second = asyncio.create_task(cache.load(stored))
    await asyncio.gather(first, second)
    assert bases.chunks_read == 2 * stored.chunks
    assert cache.get(stored) is second.result()
