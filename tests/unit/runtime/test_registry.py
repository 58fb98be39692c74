"""Opening, sharing, unloading: one runner of a room at a time, and nothing lost between two of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from collab_storage import Record, RecordKind, UnreadableError
from collab_storage.memory import MemoryJournal
from collab_storage.memory_bases import MemoryBases
from pycrdt import Doc, Text

from collab_server.clock import SystemClock
from collab_server.config import StorageSettings
from collab_server.errors import RoomUnavailable
from collab_server.observability.metrics import Metrics
from collab_server.rooms.limits import Pace, RoomLimits
from collab_server.rooms.member import Member
from collab_server.runtime.base_cache import BaseCache
from collab_server.runtime.compactor import CompactionPolicy, Compactor
from collab_server.runtime.in_process import compact_in_process
from collab_server.runtime.persister import Persister
from collab_server.runtime.registry import Registry, RoomPolicy
from collab_server.runtime.room_runner import RoomRunner
from collab_server.runtime.tasks import TaskOwner
from collab_server.types import Identity, RoomKey
from collab_server.updates import scan

KEY = RoomKey("default", "r")


class SlowJournal(MemoryJournal):
    """Counts the reads, can be slow, can fail to read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.append_seconds = 0.0
        self.unreadable = False

    async def head(self, key):
        self.reads += key.stream == "doc"
        await asyncio.sleep(0)
        if self.unreadable:
            raise UnreadableError("row 3 is damaged", where="journal")
        return await super().head(key)

    async def append(self, records) -> None:
        await asyncio.sleep(self.append_seconds)
        await super().append(records)


class FakeSession:
    """As much of a session as a runner needs."""

    def __init__(self, name: str = "s") -> None:
        self.member = Member(name, Identity("default", name, name, frozenset()))
        self.sent: list[object] = []

    def send(self, frame: object) -> None:
        self.sent.append(frame)

    def tell_rejected(self, reason: str, count: int) -> None: ...

    def settle_marks(self) -> bool:
        return False


class World:
    def __init__(self, *, linger_seconds: float = 0.01) -> None:
        self.journal = SlowJournal()
        self.tasks = TaskOwner()
        bases = MemoryBases()
        cache = BaseCache(bases, budget_bytes=1, metrics=Metrics(), tasks=self.tasks)
        settings = StorageSettings(commit_interval_seconds=0.001, retry_max_seconds=0.01)
        self.persister = Persister(self.journal, settings, Metrics())
        self.registry = Registry(
            self.journal,
            bases,
            self.persister,
            cache=cache,
            compactor=Compactor(
                compact_in_process(self.journal, bases, bases.put, stream="doc"),
                bases=bases,
                cache=cache,
                journal=self.journal,
                policy=CompactionPolicy(tail_bytes=1 << 30),
                metrics=Metrics(),
                tasks=self.tasks,
            ),
            policy=RoomPolicy(RoomLimits(), Pace(), linger_seconds=linger_seconds),
            metrics=Metrics(),
            tasks=self.tasks,
            clock=SystemClock(),
        )

    async def unloaded(self, runner: RoomRunner) -> None:
        async with asyncio.timeout(5):
            while not runner.closed:  # noqa: ASYNC110 - there is no event for it, and no other user
                await asyncio.sleep(0.001)


@pytest.fixture
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    world = World(**getattr(request, "param", {}))
    await world.journal.open()
    world.tasks.start(world.persister.run(), name="persister")
    yield world
    await asyncio.wait_for(world.persister.saved(), 5)
    world.registry.close()
    await world.tasks.close()
    await world.journal.close()


def typed(runner: RoomRunner, session: FakeSession, doc: Doc, text: str) -> None:
    before = doc.get_state()
    doc.get("t", type=Text).insert(0, text)
    update = doc.get_update(before)
    runner.receive(session, scan(update), len(update))  # type: ignore[arg-type]


def text_in(runner: RoomRunner) -> str:
    doc: Doc = Doc()
    text = doc.get("t", type=Text)
    doc.apply_update(b"".join(runner.room.step_2({})))
    return str(text)


async def test_however_many_ask_a_room_is_read_once(world: World) -> None:
    runners = await asyncio.gather(*(world.registry.open(KEY) for _ in range(50)))
    assert len(set(map(id, runners))) == 1
    assert world.journal.reads == 1
    assert await world.registry.open(KEY) is runners[0]


async def test_one_who_gives_up_waiting_disturbs_nobody(world: World) -> None:
    first = asyncio.create_task(world.registry.open(KEY))
    second = asyncio.create_task(world.registry.open(KEY))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).key == KEY


async def test_a_room_that_cannot_be_read_is_refused_and_tried_anew_the_next_time(world: World) -> None:
    world.journal.unreadable = True
    answers = await asyncio.gather(*(world.registry.open(KEY) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(answer, RoomUnavailable) for answer in answers)
    assert len(world.registry) == 0
    world.journal.unreadable = False
    assert (await world.registry.open(KEY)).key == KEY


async def test_a_damaged_order_is_refused(world: World) -> None:
    doc: Doc = Doc(client_id=1)
    doc.get("t", type=Text).insert(0, "a")
    before = doc.get_state()
    doc.get("t", type=Text).insert(1, "b")
    late = doc.get_update(before)
    await world.journal.append([Record("default", "r", "doc", 2, RecordKind.DELTA, late, b"[]", 0.0)])
    with pytest.raises(RoomUnavailable):
        await world.registry.open(KEY)


async def test_an_empty_room_is_saved_and_unloaded_and_comes_back_the_same(world: World) -> None:
    runner, session, doc = await world.registry.open(KEY), FakeSession(), Doc(client_id=1)
    runner.join(session)  # type: ignore[arg-type]
    typed(runner, session, doc, "one")
    typed(runner, session, doc, "two ")
    runner.leave(session)  # type: ignore[arg-type]
    await world.unloaded(runner)
    assert len(world.registry) == 0
    again = await world.registry.open(KEY)
    assert again is not runner
    assert text_in(again) == "two one"
    assert again.room.version == again.room.saved_version == 2


async def test_a_room_with_somebody_in_it_stays(world: World) -> None:
    runner, session = await world.registry.open(KEY), FakeSession()
    runner.join(session)  # type: ignore[arg-type]
    await asyncio.sleep(0.03)
    assert await world.registry.open(KEY) is runner


@pytest.mark.parametrize("world", [{"linger_seconds": 0.0}], indirect=True)
async def test_a_room_that_does_not_linger_waits_for_those_who_asked_for_it(world: World) -> None:
    """Story: it was unloaded before its first joiner had its turn, and opened again for ever."""
    runner = await asyncio.wait_for(world.registry.open(KEY), 5)
    session = FakeSession()
    runner.join(session)  # type: ignore[arg-type]
    runner.leave(session)  # type: ignore[arg-type]
    await world.unloaded(runner)
    assert world.journal.reads == 1


async def test_leaving_and_coming_back_while_a_slow_save_runs_loses_nothing(world: World) -> None:
    """Test 9 of the threats, in process: never two runners of a room, never a lost edit."""
    world.journal.append_seconds = 0.004
    chance = random.Random(9)

    async def visit(number: int) -> None:
        key, doc, expected = RoomKey("default", f"room {number}"), Doc(client_id=number + 1), ""
        for round_ in range(10):
            runner, session = await world.registry.open(key), FakeSession()
            runner.join(session)  # type: ignore[arg-type]
            assert text_in(runner) == expected
            typed(runner, session, doc, f"{round_},")
            expected = f"{round_},{expected}"
            runner.leave(session)  # type: ignore[arg-type]
            await asyncio.sleep(chance.random() * 0.02)

    await asyncio.gather(*(visit(number) for number in range(100)))


async def test_visits_while_the_journal_is_slow_leave_one_unloading(world: World) -> None:
    """Story: while the journal failed, every join and leave left a task behind."""
    world.journal.append_seconds = 0.3
    runner, doc = await world.registry.open(KEY), Doc(client_id=1)
    for _ in range(10):
        session = FakeSession()
        runner.join(session)  # type: ignore[arg-type]
        typed(runner, session, doc, "x")
        runner.leave(session)  # type: ignore[arg-type]
        await asyncio.sleep(0.015)
    unloading = [task for task in asyncio.all_tasks() if task.get_name().startswith("unload")]
    assert len(unloading) == 1
    world.journal.append_seconds = 0.0
    await world.unloaded(runner)
    assert text_in(await world.registry.open(KEY)) == "x" * 10


async def test_a_room_that_cannot_be_made_is_told_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Registry, key: RoomKey, room: object) -> RoomRunner:
        raise TypeError("a mistake")

    monkeypatch.setattr(Registry, "_add", fail)
    with pytest.raises(RoomUnavailable):
        await asyncio.wait_for(world.registry.open(KEY), 5)
