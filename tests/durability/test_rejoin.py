"""The last one leaves, the save takes half a second, somebody else comes meanwhile and edits: a thousand
times, in a hundred rooms at once. Nothing is lost and a room is never open twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from collab_storage import Record, StreamKey
from collab_storage.memory import MemoryJournal

from collab_server.app import Application
from tests.durability.inprocess import join, running, unloaded
from tests.durability.test_kill import seed
from tests.support.editor import Editor
from tests.support.stores import Call, WatchedJournal

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ROOMS = 100
VISITS = 10
SAVE_SECONDS = 0.5
#: The next one comes within this of the last one's leaving: before, during and after the save.
RETURN_WITHIN_SECONDS = 0.6


class NumberedJournal(MemoryJournal):
    """Notices a room that is open twice: both would write, and number their records on their own."""

    def __init__(self) -> None:
        super().__init__()
        self.next_offset: Counter[StreamKey] = Counter()
        self.out_of_order: list[str] = []

    async def append(self, records: Sequence[Record]) -> None:
        for record in records:
            expected = self.next_offset[record.key] or record.offset
            if record.offset != expected:
                self.out_of_order.append(f"{record.key}: {record.offset} instead of {expected}")
            self.next_offset[record.key] = record.offset + 1
        await super().append(records)


async def slow_save(name: str, call: Call) -> Any:
    if name == "append":
        # The slowness that is asked for.
        await asyncio.sleep(SAVE_SECONDS)
    return await call()


async def visit(app: Application, room: str, expected: str, chance: random.Random) -> str:
    """Join, find everything, type two or three times in quick succession, leave politely."""
    async with Editor() as editor:
        await join(app, room, editor)
        assert str(editor.text) == expected, f"{room}: lost while it was unloaded"
        for number in range(chance.randint(2, 3)):
            editor.append(f"{len(expected)}.{number} ")
        assert editor.client is not None
        await editor.client.close()
        return str(editor.text)


async def come_and_go(app: Application, room: str, chance: random.Random) -> str:
    text = ""
    for _ in range(VISITS):
        text = await visit(app, room, text, chance)
        # Anywhere in the time that the save takes, and a little later.
        await asyncio.sleep(chance.uniform(0, RETURN_WITHIN_SECONDS))
    return text


async def test_who_rejoins_while_the_room_is_saved_finds_everything() -> None:
    number = seed()
    print(f"seed {number}")
    kept = NumberedJournal()
    rooms = [f"rejoin/{index}" for index in range(ROOMS)]
    async with running(WatchedJournal(kept, slow_save)) as app:
        texts = await asyncio.gather(
            *(come_and_go(app, room, random.Random(f"{number} {room}")) for room in rooms)
        )
        await unloaded(app)
    assert kept.out_of_order == []
    async with running(kept) as app:
        for room, text in zip(rooms, texts, strict=True):
            async with Editor() as fresh:
                await join(app, room, fresh)
                assert str(fresh.text) == text
