"""Compaction of rooms: when, in which order, and what follows a failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from collab_storage import StreamKey, UnavailableError
from pycrdt import Text
from structlog.testing import capture_logs

from collab_server.protocol import messages
from collab_server.rooms.limits import RoomLimits
from collab_server.rooms.room import Room
from collab_server.runtime import compactor
from collab_server.runtime.compactor import CompactionError, CompactionPolicy
from collab_server.runtime.room_runner import RoomRunner
from collab_server.types import RoomKey
from collab_server.updates import BaseHead, DeletedRanges, encode_state_vector, scan
from tests.support.update_bytes import TYPE, item, one, string, uint
from tests.unit.runtime.worlds import Client, World

KEY = RoomKey("default", "r")
DOC = StreamKey("default", "r", "doc")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World(compact_at=100)
    await world.journal.open()
    world.tasks.start(world.persister.run(), name="persister")
    yield world
    world.compact.gate.set()
    world.journal.gate.set()
    await world.tasks.close()
    world.registry.close()


def runner(world: World) -> RoomRunner:
    found = world.registry.get(KEY)
    assert found is not None
    return found


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - it changes in many places
            await asyncio.sleep(0.001)


async def compacted(world: World, times: int = 1) -> None:
    await until(lambda: world.metrics.compactions >= times)
    # What follows the metric: the journal's rows go.
    await until(lambda: not world.tasks.running("compact"))


async def offsets(world: World) -> list[int]:
    return [record.offset for record in await world.journal.read(DOC)]


def text_of(client: Client) -> str:
    client.heard()
    return str(client.text)


async def test_a_long_tail_becomes_the_base_and_its_rows_go(world: World) -> None:
    ann = await world.synced()
    ann.write("x" * 200)
    await compacted(world)
    room = runner(world).room
    assert room.tail_bytes == 0
    assert room.base_version == room.version == 1
    assert await offsets(world) == []
    ben = await world.synced()
    await until(lambda: text_of(ben) == "x" * 200)


async def test_a_short_tail_is_left(world: World) -> None:
    ann = await world.synced()
    ann.write("short")
    await world.persister.saved()
    assert world.compact.calls == 0


async def test_editing_goes_on_meanwhile_and_follows_on_the_base(world: World) -> None:
    ann, ben = await world.synced(), await world.synced()
    world.compact.gate.clear()
    ann.write("x" * 200)
    await until(lambda: world.compact.calls == 1)
    ann.write("after")
    await until(lambda: text_of(ben) == "x" * 200 + "after")
    world.compact.gate.set()
    await compacted(world)
    assert runner(world).room.tail_bytes < 30
    assert await offsets(world) == [2]
    ann.write("!")
    joiner = await world.synced()
    await until(lambda: text_of(joiner) == "x" * 200 + "after!")


async def test_joiners_wait_for_the_base_and_hear_nothing_before_it(world: World) -> None:
    ann = await world.synced()
    ann.write("x" * 200)
    await compacted(world)
    ben = await world.joined()
    ben.synchronise()
    # The base is being read: an edit of somebody else comes meanwhile.
    ann.write("y")
    assert [kind.name for kind, _ in ben.heard()] == ["STEP_1"]
    await until(lambda: text_of(ben) == "x" * 200 + "y")


async def test_one_who_leaves_while_the_base_is_read_is_forgotten(world: World) -> None:
    ann = await world.synced()
    ann.write("x" * 200)
    await compacted(world)
    ben = await world.joined()
    ben.synchronise()
    ben.session.disconnected(1000)
    carl = await world.synced()
    await until(lambda: text_of(carl) == "x" * 200)
    assert len(runner(world).readers) == 2


async def test_who_is_past_the_base_does_not_wait(world: World) -> None:
    ann = await world.synced()
    ann.write("x" * 200)
    await compacted(world)
    ben = await world.synced()
    await until(lambda: text_of(ben) == "x" * 200)
    ben.session.disconnected(1000)
    ann.write("y")
    again = await world.joined()
    again.doc, again.text = ben.doc, ben.text
    again.synchronise()
    assert text_of(again) == "x" * 200 + "y", "from the tail, in the same turn"


async def test_a_slow_reader_that_was_overtaken_by_a_base_catches_up(world: World) -> None:
    ann, ben = await world.synced(), await world.synced()
    ben.session.writing_paused()
    ann.write("x" * 200)
    await compacted(world)
    ann.write("y")
    assert text_of(ben) == ""
    ben.session.writing_resumed()
    await until(lambda: text_of(ben) == "x" * 200 + "y")
    ann.write("z")
    await until(lambda: text_of(ben) == "x" * 200 + "yz")


async def test_a_second_compaction_starts_from_the_first_base(world: World) -> None:
    ann = await world.synced()
    for n in range(1, 4):
        ann.write("x" * 200)
        await compacted(world, n)
    assert len(world.bases._of("default", "r")) == 1, "older ones are dropped"
    joiner = await world.synced()
    await until(lambda: text_of(joiner) == "x" * 600)


async def test_a_failure_costs_nothing_and_is_not_repeated_at_once(world: World) -> None:
    world.compact.failure = CompactionError("the worker died")
    ann = await world.synced()
    ann.write("x" * 200)
    await until(lambda: world.metrics.compactions_failed == 1)
    ann.write("y" * 200)
    await world.persister.saved()
    assert world.compact.calls == 1
    assert await offsets(world) == [1, 2]
    joiner = await world.synced()
    assert text_of(joiner) == "x" * 200 + "y" * 200


async def test_one_for_which_there_was_no_place_is_tried_again_soon(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compactor, "_LOAD_PAUSE_SECONDS", 0.0)
    world.compact.failure = CompactionError("the queue is full", by_load=True)
    ann = await world.synced()
    ann.write("x" * 200)
    await until(lambda: world.metrics.compactions_failed == 1)
    world.compact.failure = None
    ann.write("y" * 200)
    await until(lambda: world.metrics.compactions == 1)


async def test_a_base_that_lacks_something_is_not_taken(world: World) -> None:
    world.compact.leave_out = 1
    ann = await world.synced()
    ann.write("x" * 50)
    await world.persister.saved()
    ann.write("y" * 200)
    await until(lambda: world.metrics.compactions_failed == 1)
    await until(lambda: not world.tasks.running("compact"))
    assert await offsets(world) == [1, 2], "no row goes"
    assert await world.bases.newest("default", "r") is None, "the next start must not take it either"
    assert runner(world).room.base_version == 0


async def test_rows_that_cannot_be_removed_cost_nobody_the_base(world: World) -> None:
    working = world.journal.remove

    async def failing(*_: object, **__: object) -> None:
        raise UnavailableError("the disk is away")

    world.journal.remove = failing
    ann = await world.synced()
    ann.write("x" * 200)
    await compacted(world)
    assert world.metrics.cleanups_failed == 1
    assert world.metrics.compactions_failed == 0
    assert runner(world).room.base_version == 1
    assert await offsets(world) == [1]
    world.journal.remove = working
    ann.write("y" * 200)
    await compacted(world, 2)
    assert await offsets(world) == []


async def test_a_room_waits_with_unloading_until_it_is_compacted(world: World) -> None:
    ann = await world.synced()
    world.compact.gate.clear()
    ann.write("x" * 200)
    await until(lambda: world.compact.calls == 1)
    open_runner = runner(world)
    ann.session.disconnected(1000)
    world.registry._lingering[KEY].cancel()
    world.registry._start_unloading(open_runner)
    await asyncio.sleep(0.01)
    assert not open_runner.closed
    world.compact.gate.set()
    await until(lambda: open_runner.closed)
    ben = await world.synced()
    await until(lambda: text_of(ben) == "x" * 200)
    assert runner(world) is not open_runner


async def test_a_base_that_cannot_be_read_sends_joiners_away_and_nobody_else(world: World) -> None:
    ann = await world.synced()
    ann.write("x" * 200)
    await compacted(world)

    async def unreadable(*_: object) -> bytes:
        raise UnavailableError("the disk is away")

    world.bases.chunk = unreadable
    ben = await world.joined()
    ben.synchronise()
    await until(lambda: ben.connection.closed is not None)
    assert ben.connection.closed[0] == 1013
    ann.write("y")
    assert ann.connection.closed is None


@pytest.mark.parametrize(("base_bytes", "tail_bytes", "due", "due_at_unload"), [
    (0, 99, False, True), (0, 100, True, True), (0, 6, False, False), (4000, 999, False, True),
    (4000, 1000, True, True), (4000, 62, False, False),
])  # fmt: skip
def test_when_it_is_worth_it(base_bytes: int, tail_bytes: int, due: bool, due_at_unload: bool) -> None:
    policy = CompactionPolicy(tail_bytes=100)
    room = Room(RoomLimits(), base=BaseHead({}, DeletedRanges(), 0, base_bytes))
    head = len(string(""))
    if tail_bytes >= 130:
        head += 1
    room.restore_delta(1, scan(one(string("x" * (tail_bytes - head)))))
    assert room.tail_bytes == tail_bytes
    assert policy.is_due(room) is due
    assert policy.is_due(room, unloading=True) is due_at_unload


def nested_map(clock: int) -> bytes:
    parent = (77, clock - 1) if clock else None
    return messages.encode_update(one(item(TYPE, uint(1), parent=parent, key="m"), client=77, clock=clock))


async def deep_world(*, compact_at: int = 1 << 30) -> World:
    world = World(compact_at=compact_at, limits=RoomLimits(unaudited_depth=20, document_depth=60))
    await world.journal.open()
    world.tasks.start(world.persister.run(), name="persister")
    return world


async def test_who_nests_types_waits_for_the_audit_and_nobody_else_does() -> None:
    world = await deep_world()
    ann, ben = await world.synced(), await world.synced()
    ben.session._on_room_channel(b'{"op":"hello","v":1}')
    world.compact.gate.clear()
    for clock in range(25):
        ben.say(nested_map(clock))
    assert not ben.connection.reading
    ann.write("goes on")
    joiner = await world.synced()
    await until(lambda: text_of(joiner) == "goes on")
    assert len(joiner.doc.get("t", type=Text)) == 7
    world.compact.gate.set()
    await until(lambda: ben.connection.reading)
    assert runner(world).room.step_1() == encode_state_vector({77: 25, ann.doc.client_id: 7})
    await world.tasks.close()
    world.registry.close()


async def test_without_an_audit_whoever_waits_for_it_is_sent_away() -> None:
    world = await deep_world()
    world.compact.failure = CompactionError("the worker died")
    ann, ben = await world.synced(), await world.synced()
    for clock in range(25):
        ben.say(nested_map(clock))
    await until(lambda: ben.connection.closed is not None)
    assert ben.connection.closed[0] == 1013
    assert ann.connection.closed is None
    await world.tasks.close()
    world.registry.close()


async def test_an_audit_that_failed_is_not_made_again_before_its_pause_ends() -> None:
    """Story: who was sent away came back, sent the same, and kept the one worker of all rooms at it."""
    world = await deep_world()
    world.compact.failure = CompactionError("the worker died")
    for _ in range(3):
        ben = await world.synced()
        for clock in range(25):
            ben.say(nested_map(clock))
        await until(lambda client=ben: client.connection.closed is not None)
        assert ben.connection.closed[0] == 1013
    assert world.compact.calls == 1
    await world.tasks.close()
    world.registry.close()


async def test_an_audit_does_not_wait_for_the_turn_that_its_room_waits_for() -> None:
    """Story: a room was in the queue of an evening when one of its clients had to wait for its audit."""
    world = await deep_world(compact_at=100)
    world.compact.gate.clear()
    for number in range(8):
        busy = await world.synced(b"/busy%d" % number)
        busy.write("x" * 200)
        await world.persister.saved()
    ann, ben = await world.synced(), await world.synced()
    ann.write("x" * 200)
    await world.persister.saved()
    await until(lambda: world.compact.calls == 8)
    assert world.tasks.running(f"compact {KEY}")
    for clock in range(25):
        ben.say(nested_map(clock))
    await until(lambda: world.compact.calls == 9)
    world.compact.gate.set()
    await until(lambda: ben.connection.reading)
    await world.tasks.close()
    world.registry.close()


async def test_a_mistake_of_ours_is_paused_after_like_a_failure(world: World) -> None:
    """Story: each commit of the room began the compaction again that a bug had ended."""
    world.compact.failure = TypeError("a bug")
    ann = await world.synced()
    with capture_logs() as lines:
        for _ in range(3):
            ann.write("x" * 200)
            await world.persister.saved()
            await until(lambda: not world.tasks.running("compact"))
    assert world.compact.calls == world.metrics.compactions_failed == 1
    assert [line["event"] for line in lines] == ["compaction_failed", "task_failed"]


async def test_of_rooms_that_failed_the_latest_are_remembered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Story: rooms that failed and were unloaded stayed in memory until the server ended."""
    monkeypatch.setattr("collab_server.runtime.compactor._FAILURES_KEPT", 2, raising=False)
    world.compact.failure = CompactionError("the worker died")
    clients = {name: await world.synced(f"/{name}".encode()) for name in "abc"}

    async def edit(name: str) -> int:
        """How often it was tried after an edit, all in all."""
        clients[name].write("x" * 200)
        await world.persister.saved()
        await until(lambda: not world.tasks.running("compact"))
        return world.compact.calls

    assert [await edit(name) for name in "abc"] == [1, 2, 3]
    assert [await edit(name) for name in "bc"] == [3, 3], "their pause goes on"
    assert [await edit(name) for name in "ab"] == [4, 5], "each took the place of the oldest"
