"""Each single call to the store fails once, in turn, through a whole scenario: nothing that was reported
saved is lost, and everybody gets in at last."""

from __future__ import annotations

import pytest
from collab_storage import Journal
from collab_storage.memory import MemoryJournal

from collab_server.app import Application
from tests.durability.inprocess import join, running, unloaded
from tests.support import yproto
from tests.support.editor import Editor, successive_updates
from tests.support.stores import FailNth, WatchedJournal

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ROOM = "nth"
#: More calls than the scenario makes; reaching it would mean that it never passes untouched.
MOST_CALLS = 200


async def type_and_leave(app: Application, before: str, typed: str) -> None:
    """Join, find what was there, type, wait for the report, leave, and wait until the room is unloaded."""
    async with Editor() as editor:
        await join(app, ROOM, editor)
        assert str(editor.text) == before
        editor.hello()
        editor.append(typed)
        editor.mark(1)
        await editor.wait_saved(1)
    await unloaded(app)


async def deliver(app: Application, update: bytes) -> None:
    """Send one update, whole or ahead of its predecessor, and leave once the server has it."""
    async with Editor() as sender:
        await join(app, ROOM, sender)
        sender.send(yproto.update(update))
        sender.send(yproto.query_awareness())
        assert sender.client is not None
        await sender.client.wait_message(lambda m: m.type == yproto.AWARENESS, what="awareness")


async def whole_scenario(journal: Journal) -> None:
    """Two processes' worth of life: typing, unloading, an update ahead of its predecessor, a restart."""
    earlier, later = successive_updates(
        lambda editor: editor.map.update({"first": 1}), lambda editor: editor.map.update({"second": 2})
    )
    async with running(journal) as app:
        await type_and_leave(app, "", "one ")
        await deliver(app, later)
        await type_and_leave(app, "one ", "two ")
    async with running(journal) as app:
        await deliver(app, earlier)


async def is_all_there(journal: Journal) -> None:
    async with running(journal) as app, Editor() as fresh:
        await join(app, ROOM, fresh)
        assert str(fresh.text) == "one two "
        assert fresh.map.to_py() == {"first": 1, "second": 2}


@pytest.mark.parametrize("after_effect", [False, True], ids=["not-done", "done-but-failed"])
async def test_every_call_may_fail_once(after_effect: bool) -> None:
    for nth in range(1, MOST_CALLS):
        kept = MemoryJournal()
        fault = FailNth(nth, after_effect=after_effect)
        await whole_scenario(WatchedJournal(kept, fault))
        await is_all_there(kept)
        if fault.failed is None:
            print(f"the scenario makes {nth - 1} calls")
            return
    pytest.fail(f"the scenario made more than {MOST_CALLS} calls")
