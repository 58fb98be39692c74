"""What a room hands over to be saved, and who waits for it."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from collab_storage import RecordKind
from pycrdt import Doc, Text

from collab_server.clock import SystemClock
from collab_server.rooms.limits import RoomLimits
from collab_server.rooms.member import Member
from collab_server.rooms.room import Room
from collab_server.runtime.room_saver import RoomSaver
from collab_server.types import Identity, RoomKey
from collab_server.updates import scan

ANN = Member("s", Identity("default", "u_ann", "Ann", frozenset()))


class Queue:
    """A persister that only collects."""

    def __init__(self) -> None:
        self.submitted: list[SimpleNamespace] = []

    def submit(self, owner: object, records: list[Any], *, version: int, removal: object) -> None:
        self.submitted.append(SimpleNamespace(records=records, version=version, removal=removal))


class World:
    def __init__(self) -> None:
        self.room, self.queue = Room(RoomLimits()), Queue()
        self.owner = SimpleNamespace(lost=False)
        self.saver = RoomSaver(
            RoomKey("default", "r"), self.room, owner=self.owner, persister=self.queue, clock=SystemClock()
        )
        self._doc: Doc = Doc(client_id=1)
        self._text = self._doc.get("t", type=Text)

    def update(self, text: str) -> bytes:
        before = self._doc.get_state()
        self._text += text
        return self._doc.get_update(before)

    def receive(self, update: bytes) -> None:
        self.room.receive(ANN, scan(update), size_bytes=len(update), now=0.0)

    def save(self) -> int:
        delta = self.room.flush()
        assert delta is not None
        self.saver.save(delta)
        return delta.version


@pytest.fixture
async def world() -> World:
    return World()


async def test_a_delta_is_a_record_with_its_authors(world: World) -> None:
    world.receive(world.update("x"))
    assert not world.saver.all_saved
    version = world.save()
    (write,) = world.queue.submitted
    (record,) = write.records
    assert (record.stream, record.kind, record.offset) == ("doc", RecordKind.DELTA, version)
    assert json.loads(record.authors) == [["u_ann", [1]]]
    assert write.removal is None
    assert not world.saver.all_saved
    world.saver.saved(version)
    assert world.saver.all_saved
    assert world.room.saved_version == version


async def test_what_waits_is_saved_apart_and_goes_with_the_delta_that_frees_it(world: World) -> None:
    first, second = world.update("a"), world.update("b")
    world.saver.save_held()
    assert world.queue.submitted == [], "nothing waits"
    world.receive(second)
    world.saver.save_held()
    (held,) = world.queue.submitted[0].records
    assert (held.stream, held.kind) == ("doc.held", RecordKind.HELD)
    world.receive(first)
    world.save()
    assert world.queue.submitted[1].removal.offsets == [held.offset]


async def test_waiting_for_one_version_and_for_all(world: World) -> None:
    world.receive(world.update("a"))
    first = world.save()
    one = asyncio.ensure_future(world.saver.wait_saved(first))
    everything = asyncio.ensure_future(world.saver.wait_all_saved())
    await asyncio.sleep(0)
    world.receive(world.update("b"))
    second = world.save()
    world.saver.saved(first)
    await asyncio.wait_for(one, 1)
    assert not everything.done()
    world.saver.saved(second)
    await asyncio.wait_for(everything, 1)
    await world.saver.wait_saved(second)


async def test_nobody_waits_for_what_is_lost(world: World) -> None:
    world.receive(world.update("a"))
    version = world.save()
    waiting = [
        asyncio.ensure_future(world.saver.wait_saved(version)),
        asyncio.ensure_future(world.saver.wait_all_saved()),
    ]
    await asyncio.sleep(0)
    world.owner.lost = True
    world.saver.give_up()
    await asyncio.wait_for(asyncio.gather(*waiting), 1)


async def test_one_who_no_longer_waits_hinders_nobody(world: World) -> None:
    world.receive(world.update("a"))
    version = world.save()
    gone = asyncio.ensure_future(world.saver.wait_saved(version))
    stays = asyncio.ensure_future(world.saver.wait_saved(version))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    world.saver.saved(version)
    await asyncio.wait_for(stays, 1)
