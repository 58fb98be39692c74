"""What a room is opened from: base and journal after every way in which they may have been left."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from collab_storage import Record, RecordKind, StreamKey, UnreadableError
from collab_storage.memory import MemoryJournal

from collab_server.errors import RoomUnavailable
from collab_server.runtime.in_process import compact_in_process
from collab_server.types import RoomKey
from tests.support.update_bytes import one, string
from tests.unit.runtime.test_compactor import text_of, until
from tests.unit.runtime.worlds import World

KEY = RoomKey("default", "r")
DOC = StreamKey("default", "r", "doc")
LETTERS = "abcd"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Four rows in the journal, one letter each."""
    world = World()
    world.tasks.start(world.persister.run(), name="persister")
    for offset, letter in enumerate(LETTERS, start=1):
        update = one(string(letter, (1, offset - 2) if offset > 1 else None), clock=offset - 1)
        await world.journal.append(
            [Record("default", "r", "doc", offset, RecordKind.DELTA, update, b"[]", 1.0)]
        )
    yield world
    await world.tasks.close()
    world.registry.close()


async def compact_only(world: World, upto: int) -> None:
    """Write a base and go no further."""
    await compact_in_process(world.journal, world.bases, world.bases.put, stream="doc")(KEY, upto, 0)


async def opens_whole(world: World) -> None:
    ann = await world.synced()
    await until(lambda: text_of(ann) == LETTERS)


async def offsets(world: World) -> list[int]:
    return [record.offset for record in await world.journal.read(DOC)]


async def test_an_interrupted_compaction_is_finished(world: World) -> None:
    await compact_only(world, 1)
    await compact_only(world, 3)
    await opens_whole(world)
    await until(lambda: not world.tasks.running("clean up"))
    assert await offsets(world) == [4]
    (base,) = world.bases._of("default", "r")
    assert base.offset == 3


async def test_of_an_interrupted_compaction_a_damaged_base_is_dropped(world: World) -> None:
    await compact_only(world, 1)
    await compact_only(world, 3)
    check = world.bases.check

    async def damaged(base) -> None:
        if base.offset == 3:
            raise UnreadableError("a chunk is damaged", where="bases")
        await check(base)

    world.bases.check = damaged
    await opens_whole(world)
    found = world.registry.get(KEY)
    assert found is not None
    assert found.room.base_version == 1
    assert (found.room.version, len(world.bases._of("default", "r"))) == (4, 1)


async def test_without_any_sound_base_the_rows_are_the_document(world: World) -> None:
    await compact_only(world, 3)

    async def damaged(base) -> None:
        raise UnreadableError("a chunk is damaged", where="bases")

    world.bases.check = damaged
    await opens_whole(world)
    assert await offsets(world) == [1, 2, 3, 4]


@pytest.mark.parametrize(("removed", "kept_base"), [(4, None), (3, None), (3, 1)])
async def test_a_lost_base_is_an_error_and_never_an_empty_document(
    world: World, removed: int, kept_base: int | None
) -> None:
    """The file of bases is gone, or an older copy of it was put in its place."""
    if kept_base:
        await compact_only(world, kept_base)
    await world.journal.remove(DOC, upto=removed)
    with pytest.raises(RoomUnavailable):
        await world.registry.open(KEY)
    assert world.metrics.room_loads_failed == 1


@pytest.mark.parametrize("kept", [0, 2])
async def test_a_base_that_is_ahead_of_its_journal_wins(world: World, kept: int) -> None:
    """An older copy of the journal was put in its place; the room goes on after the base."""
    await compact_only(world, 4)
    older = MemoryJournal()
    for record in (await world.journal.read(DOC))[:kept]:
        await older.append([record])
    world.journal._streams = older._streams
    ann = await world.synced()
    await until(lambda: text_of(ann) == LETTERS)
    ann.write("e")
    await world.persister.saved()
    found = world.registry.get(KEY)
    assert found is not None
    assert found.room.saved_version == 5
    assert (await offsets(world))[-1] == 5
