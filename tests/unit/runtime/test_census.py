"""The count of all rooms and sessions: memory by kind, who waits, which rooms come first."""

from __future__ import annotations

import asyncio

import pytest

from collab_server.clock import SystemClock
from collab_server.observability.labels import MemoryKind, RoomState, Waiting
from collab_server.runtime.census import Census
from collab_server.types import RoomOrder
from tests.unit.runtime.worlds import World, channel


def _census(world: World) -> Census:
    return Census(world.registry, lambda: world.entrance.sessions, metrics=world.metrics, clock=SystemClock())


async def test_memory_is_told_by_what_it_is_for(world: World) -> None:
    ann, bob = await world.synced(), await world.synced()
    ann.write("x" * 500)
    bob.connection.buffered = 77
    await _census(world).fill_metrics()
    memory = world.metrics.memory_bytes
    assert memory[MemoryKind.TAIL] > 500
    assert memory[MemoryKind.INDEX] > 50
    assert memory[MemoryKind.HELD] == 0
    assert memory[MemoryKind.OUTBOUND] == 77
    assert memory[MemoryKind.ANSWERS] > 0, "the step 2 of those who joined"


async def test_rooms_stand_where_they_stand(world: World) -> None:
    ann = await world.synced(b"/full")
    bob = await world.synced(b"/empty")
    bob.session.disconnected(1000)
    await _census(world).fill_metrics()
    states = world.metrics.rooms
    assert (states[RoomState.OCCUPIED], states[RoomState.LINGERING], states[RoomState.OPENING]) == (1, 1, 0)
    ann.session.disconnected(1000)
    await _census(world).fill_metrics()
    assert (states[RoomState.OCCUPIED], states[RoomState.LINGERING]) == (0, 2)


async def test_who_is_behind_is_counted_now_and_ever(world: World) -> None:
    ann = await world.synced()
    census = _census(world)
    for expected in (1, 2):
        ann.session.writing_paused()
        await census.fill_metrics()
        assert (world.metrics.sessions_behind, world.metrics.sessions_fell_behind) == (1, expected)
        ann.session.writing_resumed()
    await census.fill_metrics()
    assert world.metrics.sessions_behind == 0


async def test_those_who_wait_for_a_commit_are_counted(world: World) -> None:
    ann = await world.synced()
    ann.say(channel(op="hello", v=1))
    world.journal.gate.clear()
    ann.write("a")
    ann.say(channel(op="mark", id=7))
    census = _census(world)
    await census.fill_metrics()
    assert world.metrics.sessions_waiting[Waiting.SAVE] == 1
    (facts,) = await census.busiest(RoomOrder.BYTES, 1)
    assert (facts.waiting, facts.unsaved_versions) == (1, 1)


@pytest.mark.parametrize(
    ("order", "first"), [(RoomOrder.BYTES, "large"), (RoomOrder.SESSIONS, "crowd"), (RoomOrder.EDITS, "busy")]
)
async def test_the_order_decides_who_comes_first(world: World, order: RoomOrder, first: str) -> None:
    (await world.synced(b"/large")).write("x" * 900)
    for _ in range(3):
        await world.synced(b"/crowd")
    busy = await world.synced(b"/busy")
    for _ in range(4):
        busy.write("y")
    census = _census(world)
    assert [facts.key.room for facts in await census.busiest(order, 1)] == [first]
    everything = await census.busiest(order, 10)
    assert everything[0].key.room == first
    assert len(everything) == 3


async def test_a_room_is_told_in_numbers(world: World) -> None:
    ann = await world.synced(b"/r")
    ann.write("abc")
    await asyncio.wait_for(world.persister.saved(), 5)
    (facts,) = await _census(world).busiest(RoomOrder.EDITS, 5)
    assert (facts.key.tenant, facts.key.room, facts.state) == ("default", "r", RoomState.OCCUPIED)
    assert (facts.sessions, facts.behind, facts.edits, facts.recent_edits, facts.version) == (1, 0, 1, 1, 1)
    assert (facts.unsaved_versions, facts.base_age_seconds) == (0, None)
    assert 0 < facts.tail_bytes <= facts.document_bytes < facts.memory_bytes


async def test_a_base_has_an_age(world: World) -> None:
    ann = await world.synced(b"/r")
    ann.write("abc")
    (runner,) = world.registry
    world.registry._compactor.audit(runner)
    async with asyncio.timeout(5):
        while runner.readers.stored is None:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.005)
    (facts,) = await _census(world).busiest(RoomOrder.BYTES, 5)
    assert facts.base_age_seconds is not None
    assert 0 <= facts.base_age_seconds < 60
    assert sum(world.metrics.compaction_seconds.counts) == 1
