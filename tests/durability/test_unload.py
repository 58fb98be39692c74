"""A room that is about to be unloaded when somebody comes back, and what a server leaves behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from collab_storage.memory import MemoryJournal

from tests.durability.inprocess import SETTINGS, join, running, unloaded
from tests.support import yproto
from tests.support.editor import Editor
from tests.support.leaks import no_leaks
from tests.support.stores import Call, WatchedJournal

pytestmark = pytest.mark.timeout(30)

#: A window so long that an edit is still waiting for its end when the commit before it returns.
LONG_WINDOW = SETTINGS.model_copy(
    update={
        "rooms": SETTINGS.rooms.model_copy(
            update={"flush_window_max_seconds": 1.0, "flush_window_per_session_seconds": 1.0}
        )
    }
)


class Gate:
    """Lets appends through only while it is open."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.reached = asyncio.Event()

    async def __call__(self, name: str, call: Call) -> Any:
        if name == "append":
            self.reached.set()
            await self.open.wait()
        return await call()


async def answers(editor: Editor) -> None:
    """The server deals with what the editor sent so far."""
    client = editor.client
    assert client is not None
    before = len(client.messages)
    client.send(yproto.query_awareness())
    await client.wait_message(lambda m: m.type == yproto.AWARENESS, after=before, what="an answer")


async def test_an_edit_that_waits_for_its_window_holds_up_nobody_while_its_room_is_unloaded() -> None:
    """Story: unloading asked again and again whether all is saved, without ever letting the loop turn, while
    an edit was pending for the end of its flush window."""
    gate = Gate()
    journal = MemoryJournal()
    async with running(WatchedJournal(journal, gate), settings=LONG_WINDOW) as app:
        async with Editor() as first:
            await join(app, "unload", first)
            first.append("one ")
            await gate.reached.wait()
            assert first.client is not None
            await first.client.close()
        async with Editor() as second:
            await join(app, "unload", second)
            second.append("two ")
            await answers(second)
            gate.open.set()
            await answers(second)
        await unloaded(app)
        async with Editor() as third:
            await join(app, "unload", third)
            assert str(third.text) == "one two "


async def test_nothing_is_left_behind() -> None:
    """Tasks, threads and descriptors of a server that lived and ended."""
    async with no_leaks(), running(MemoryJournal()) as app:
        for number in range(20):
            async with Editor() as editor:
                await join(app, f"leaks/{number % 3}", editor)
                editor.append("x")
        await unloaded(app)
