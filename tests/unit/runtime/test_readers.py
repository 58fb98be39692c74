"""What each session is sent of the document while its connection takes it, and when it does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from collab_server.protocol.messages import MessageKind
from collab_server.runtime import readers
from collab_server.runtime.readers import Readers
from collab_server.types import StateVector
from collab_server.updates import Base, Pieces
from tests.unit.runtime.worlds import Client, World

#: A message over this is large here, and the deleted ranges of `shredded` come to more.
LARGE = 400
SHREDS = 300


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(readers, "LARGE_BYTES", LARGE)
    made = World(max_unsaved_bytes=1 << 20)
    yield made
    await made.tasks.close()


def readers_of(client: Client) -> Readers:
    return client.session.room.readers


def shred(client: Client) -> None:
    """A text of which every second letter is deleted: as many deleted ranges as letters are left."""
    client.write("ab" * SHREDS)
    before = client.doc.get_state()
    with client.doc.transaction():
        for place in range(SHREDS):
            del client.text[place]
    client.say_changes(before)


async def shredded(world: World) -> tuple[Client, Client]:
    """One who writes in a shredded document, and one who has read all of it."""
    ann, ben = await world.synced(), await world.synced()
    shred(ann)
    ann.session.room.flush()
    await until_at_head(ben)
    updates(ben)
    return ann, ben


def kept_bytes(client: Client) -> int:
    """What is kept for those behind."""
    readers_of(client).forget_full()
    return readers_of(client).answer_bytes


def updates(client: Client) -> list[bytes]:
    return [body for kind, body in client.heard() if kind is MessageKind.UPDATE]


async def until_at_head(client: Client) -> None:
    """A few turns of the loop later all that was large has been taken."""
    for _ in range(20):
        await asyncio.sleep(0)
    assert readers_of(client).behind == 0


async def test_a_reader_that_missed_nothing_is_sent_nothing(world: World) -> None:
    ann, ben = await world.synced(), await world.synced()
    ben.session.writing_paused()
    assert readers_of(ben).behind == 1
    ben.session.writing_resumed()
    assert readers_of(ben).behind == 0
    assert updates(ben) == []
    ann.write("x")
    assert len(updates(ben)) == 1


async def test_a_slow_reader_gets_one_merged_delta(world: World) -> None:
    ann, ben = await world.synced(), await world.synced()
    ben.session.writing_paused()
    for letter in "abc":
        ann.write(letter)
        ann.session.room.flush()
    assert updates(ben) == []
    ben.session.writing_resumed()
    assert len(updates(ben)) == 1
    assert str(ben.text) == "abc"


async def test_where_all_deleted_ranges_are_more_it_gets_the_deltas_themselves(world: World) -> None:
    ann, ben = await shredded(world)
    ben.session.writing_paused()
    for letter in "abc":
        ann.write(letter)
        ann.session.room.flush()
    ben.session.writing_resumed()
    received = updates(ben)
    assert len(received) == 3
    assert sum(map(len, received)) < LARGE
    assert str(ben.text) == str(ann.text)
    assert kept_bytes(ben) == 0, "given back when nobody is behind"


async def test_a_merged_delta_that_fills_the_buffer_is_not_sent_again_and_again(world: World) -> None:
    """Story: more than can be kept was missed, so all deleted ranges come, as a large message. While that
    goes out the session is behind again, and the class goes on writing."""
    ann, ben = await shredded(world)
    ben.session.writing_paused()
    for number in range(30):
        ann.write(f"{number} and so on and on; ")
        ann.session.room.flush()
    sent_large = ben.connection.large
    ben.session.writing_resumed()
    assert ben.connection.large == sent_large + 1
    assert readers_of(ben).behind == 1
    ann.write("meanwhile")
    ann.session.room.flush()
    await until_at_head(ben)
    assert ben.connection.large == sent_large + 1
    assert len(updates(ben)) == 2
    assert str(ben.text) == str(ann.text)


async def test_those_who_fall_behind_at_one_version_share_its_state_vector(world: World) -> None:
    ann, *others = [await world.synced() for _ in range(5)]
    ann.write("x")
    others[0].session.writing_paused()
    of_one = readers_of(ann).index_bytes
    for other in others:
        other.session.writing_paused()
    assert readers_of(ann).index_bytes == of_one
    ann.write("y")
    ann.session.room.flush()
    ann.session.writing_paused()
    assert readers_of(ann).index_bytes == 2 * of_one


async def test_those_who_missed_the_same_share_one_merged_delta(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, *others = [await world.synced() for _ in range(5)]
    room, made = ann.session.room.room, []
    step_2 = room.step_2

    def count(state_vector: StateVector, base: Base | None = None) -> Pieces:
        made.append(room.version)
        return step_2(state_vector, base)

    monkeypatch.setattr(room, "step_2", count)
    for other in others:
        other.session.writing_paused()
    ann.write("x")
    ann.session.room.flush()
    others[0].session.writing_resumed()
    others[1].session.writing_resumed()
    assert len(made) == 1
    assert readers_of(ann).answer_bytes > 0
    ann.write("y")
    others[2].session.writing_resumed()
    assert len(made) == 2, "there is more to be sent now"
    others[3].session.writing_resumed()
    assert len(made) == 2
    assert kept_bytes(ann) == 0, "nobody is left who could be sent it"
    for other in others:
        other.heard()
        assert str(other.text) == "xy"


async def test_one_who_falls_behind_while_a_delta_is_written_has_that_delta(world: World) -> None:
    ann, ben = await world.synced(), await world.synced()
    write = ben.connection.send

    def full(frame: readers.Frame) -> None:
        write(frame)
        ben.connection.send = write  # type: ignore[method-assign]
        ben.session.writing_paused()

    ben.connection.send = full  # type: ignore[method-assign]
    ann.write("x")
    assert readers_of(ben).behind == 1
    assert len(updates(ben)) == 1
    ben.session.writing_resumed()
    assert updates(ben) == []
    assert str(ben.text) == "x"


async def test_joiners_share_a_large_answer_that_is_little_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Story: thirty join a large document while the class writes on. One copy of it, and not thirty."""
    ann = await world.synced()
    shred(ann)
    ann.session.room.flush()
    room, made = ann.session.room.room, []
    step_2 = room.step_2

    def count(state_vector: StateVector, base: Base | None = None) -> Pieces:
        if not state_vector:
            made.append(room.version)
        return step_2(state_vector, base)

    monkeypatch.setattr(room, "step_2", count)
    joiners = []
    for number in range(5):
        joiners.append(await world.synced())
        ann.write(f"{number};")
        ann.session.room.flush()
        readers_of(ann).forget_full()  # what is on its way is kept
    await until_at_head(ann)
    for joiner in joiners:
        joiner.heard()
        assert str(joiner.text) == str(ann.text)
    assert len(made) == 1
    ann.write("x" * (LARGE + 1))
    ann.session.room.flush()
    last = await world.synced()
    assert len(made) == 2
    assert str(last.text) == str(ann.text)
    # All of them have read it. The next one gets it too, and the deltas since.
    await until_at_head(ann)
    ann.write("z")
    ann.session.room.flush()
    later = await world.joined()
    large = later.connection.large
    later.synchronise()
    await until_at_head(ann)
    assert len(made) == 2
    assert later.connection.large == large + 1
    later.heard()
    assert str(later.text) == str(ann.text)


async def test_one_who_leaves_behind_leaves_nothing(world: World) -> None:
    ann, ben = await shredded(world)
    ben.session.writing_paused()
    ann.write("x")
    ann.session.room.flush()
    assert kept_bytes(ann) > 0
    ben.session.disconnected(1000)
    assert (readers_of(ann).behind, readers_of(ann).index_bytes, kept_bytes(ann)) == (0, 0, 0)
