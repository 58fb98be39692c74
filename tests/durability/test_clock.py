"""The wall clock steps by an hour back or a day ahead while a class edits: order, expiry and presence do not
notice, for durations are measured on a clock that does not step."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.durability.crowd import text_in
from tests.interop.attack import BESIDE, ROOM, Scene, scene
from tests.support import yproto
from tests.support.editor import Editor, successive_updates
from tests.support.fake_clock import FakeClock
from tests.support.server import HOST, ServerProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

STEPS = {"an hour back": -3600.0, "a day ahead": 86_400.0}
PROGRAM = Path(__file__).resolve().parents[1] / "support" / "fake_clock.py"
#: Short, so that keep-alives, pings and the expiry of presence are all due soon after the step.
TIMES = {
    "COLLAB_SESSIONS__PING_SECONDS": "1",
    "COLLAB_SESSIONS__PONG_SECONDS": "2",
    "COLLAB_SESSIONS__KEEPALIVE_SECONDS": "1",
    "COLLAB_ROOMS__AWARENESS_ENTRY_MAX_AGE_SECONDS": "4",
}
#: Presence is looked through every five seconds.
EXPIRED_WITHIN = 4 + 5 + 3
RENEW_SECONDS = 1.0
PRESENCE, WAITING = "clock/presence", "clock/waiting"


@pytest.fixture
def clock(tmp_path: Path) -> FakeClock:
    return FakeClock(tmp_path / "clock")


@pytest.fixture
async def stepped(tmp_path: Path, clock: FakeClock) -> AsyncIterator[ServerProcess]:
    """A server that lives by `clock`."""
    command = [sys.executable, str(PROGRAM), str(clock.file), "serve", "--host", HOST]
    command += ["--data", str(tmp_path / "data"), "--log-format", "json"]
    async with ServerProcess(command, env=TIMES) as server:
        yield server
    print(server.log_tail())


async def enter(stack: AsyncExitStack, server: ServerProcess, room: str) -> Editor:
    editor = await stack.enter_async_context(Editor())
    await editor.connect(f"{server.url}/{room}")
    return await editor.joined()


async def renew(editor: Editor) -> None:
    """Show presence as a live client does, until cancelled."""
    clock = 0
    while True:
        editor.send(yproto.awareness((editor.doc.client_id, clock, '{"name":"live"}')))
        clock += 1
        # The client's pace.
        await asyncio.sleep(RENEW_SECONDS)


async def present(server: ServerProcess) -> set[int]:
    """The client ids that somebody sees who joins now."""
    async with Editor() as fresh:
        await fresh.connect(f"{server.url}/{PRESENCE}")
        await fresh.joined()
        fresh.send(yproto.query_awareness())
        assert fresh.client is not None
        await fresh.client.wait_message(lambda m: m.type == yproto.AWARENESS, what="who is here")
        return set(fresh.awareness)


async def expires_as_ever(server: ServerProcess, live: Editor, silent: Editor) -> None:
    """After the step: both are there; later the silent one is not, and the live one still is."""
    both = {live.doc.client_id, silent.doc.client_id}
    assert await present(server) == both
    async with asyncio.timeout(EXPIRED_WITHIN):
        while await present(server) == both:  # noqa: ASYNC110
            # Expiry is told to nobody: it is a matter of what joiners see.
            await asyncio.sleep(0.2)
    assert await present(server) == {live.doc.client_id}


async def edits_are_saved(target: Scene, mark: int) -> None:
    await target.peers.write()
    target.peers.writer.mark(mark)
    await target.peers.writer.wait_saved(mark)


async def deliver(server: ServerProcess, update: bytes) -> None:
    """Send an update and leave once the server has it."""
    async with Editor() as sender:
        await sender.connect(f"{server.url}/{WAITING}")
        await sender.joined()
        sender.send(yproto.update(update))
        sender.send(yproto.query_awareness())
        assert sender.client is not None
        await sender.client.wait_message(lambda m: m.type == yproto.AWARENESS, what="an answer")


def is_dated(data: Path, step: float) -> bool:
    """Whether the newest record of the journal was written by the stepped clock."""
    connection = sqlite3.connect(data / "journal.sqlite3")
    try:
        (written,) = connection.execute("SELECT time FROM records ORDER BY id DESC LIMIT 1").fetchone()
    finally:
        connection.close()
    return bool(abs(written - time.time() - step) < 300)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
async def test_a_step_harms_neither_order_nor_presence_nor_connections(
    stepped: ServerProcess, clock: FakeClock, stack: AsyncExitStack, step: float, tmp_path: Path
) -> None:
    live, silent = await enter(stack, stepped, PRESENCE), await enter(stack, stepped, PRESENCE)
    earlier, later = successive_updates(lambda e: e.append("one "), lambda e: e.append("two "))
    async with scene(stepped) as target:
        target.peers.writer.hello()
        await edits_are_saved(target, 1)
        await deliver(stepped, later)
        renewing = asyncio.create_task(renew(live), name="live client")
        silent.send(yproto.awareness((silent.doc.client_id, 0, '{"name":"silent"}')))
        await silent.wait(lambda: live.doc.client_id in silent.awareness, what="presence")
        clock.step(step)
        await edits_are_saved(target, 2)
        await expires_as_ever(stepped, live, silent)
        await edits_are_saved(target, 3)
        renewing.cancel()
        text, beside = str(target.peers.writer.text), target.beside
    assert is_dated(tmp_path / "data", step), "the step did not reach the server"
    assert live.client is not None
    assert live.client.closed is None
    # What waited for its predecessor still does.
    await deliver(stepped, earlier)
    await stepped.restart()
    assert (await text_in(stepped, ROOM)).startswith(text)
    assert (await text_in(stepped, BESIDE)).startswith(str(beside.reader.text)[:-10])
    assert await text_in(stepped, WAITING) == "one two "
