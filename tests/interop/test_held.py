"""An update that is ahead of its predecessor: kept, over a restart too, and delivered once it can be used."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from tests.support import yproto
from tests.support.editor import Editor, successive_updates
from tests.support.rawclient import RawClient
from tests.support.server import ServerProcess

pytestmark = pytest.mark.slow

ROOM = "held/room"


def two_updates() -> list[bytes]:
    """Two edits of one author; the second needs the first."""
    return successive_updates(lambda editor: editor.append("first "), lambda editor: editor.append("second"))


async def joined(stack: AsyncExitStack, server: ServerProcess) -> Editor:
    editor = await stack.enter_async_context(Editor())
    await editor.connect(f"{server.url}/{ROOM}")
    return await editor.joined()


async def raw(stack: AsyncExitStack, server: ServerProcess) -> RawClient:
    return await stack.enter_async_context(await RawClient.connect(f"{server.url}/{ROOM}"))


async def is_processed(client: RawClient, peer: Editor, word: str) -> None:
    """Send an edit that stands alone and wait until the peer has it: all before it is dealt with."""
    fence = Editor()
    fence.map["fence"] = word
    client.send(yproto.update(fence.doc.get_update()))
    await peer.wait(lambda: peer.map.get("fence") == word, what=f"fence {word}")


@pytest.mark.parametrize("kill", [False, True], ids=["SIGTERM", "kill-9"])
async def test_it_survives_a_restart_and_comes_with_its_predecessor(
    server: ServerProcess, stack: AsyncExitStack, kill: bool
) -> None:
    earlier, later = two_updates()
    peer = await joined(stack, server)
    sender = await raw(stack, server)
    sender.send(yproto.update(later))
    await is_processed(sender, peer, "one")
    peer.hello()
    peer.append("")
    peer.mark(1)
    await peer.wait_saved(1)
    assert str(peer.text) == "", "an incomplete update was relayed"
    await asyncio.gather(peer.leave(), sender.abort())
    await server.restart(kill=kill)

    peer = await joined(stack, server)
    assert str(peer.text) == ""
    assert peer.map.get("fence") == "one"
    helper = await raw(stack, server)
    helper.send(yproto.update(earlier))
    await peer.wait_text("first second")
    late = await joined(stack, server)
    assert str(late.text) == "first second"


async def test_the_sender_is_asked_for_what_is_missing(server: ServerProcess, stack: AsyncExitStack) -> None:
    """One question (step 1) about the gap, not repeated while the gap is the same."""
    _, later = two_updates()
    peer = await joined(stack, server)
    sender = await raw(stack, server)
    await sender.wait_message(lambda m: m.type == yproto.SYNC and m.step == yproto.STEP1, what="step 1")
    sender.send(yproto.step2())
    asked = len(sender.messages)
    sender.send(yproto.update(later))
    await sender.wait_message(
        lambda m: m.type == yproto.SYNC and m.step == yproto.STEP1, after=asked, what="a question"
    )
    sender.send(yproto.update(later))
    sender.send(yproto.update(later))
    await is_processed(sender, peer, "three")
    questions = [m for m in sender.decoded[asked:] if m.type == yproto.SYNC and m.step == yproto.STEP1]
    assert len(questions) == 1


async def test_a_mark_waits_for_what_is_held(server: ServerProcess, stack: AsyncExitStack) -> None:
    earlier, later = two_updates()
    peer = await joined(stack, server)
    async with Editor() as sender:
        await sender.connect(f"{server.url}/{ROOM}")
        await sender.joined()
        sender.hello()
        sender.send(yproto.update(later))
        sender.mark(7)
        assert sender.client is not None
        await is_processed(sender.client, peer, "mark")
        peer.hello()
        peer.append("x")
        peer.mark(1)
        await peer.wait_saved(1)
        assert sender.saved == [], "reported saved what no other client can have"
        sender.send(yproto.update(earlier))
        await sender.wait_saved(7)


async def test_control_without_relay_nothing_is_delivered(mute: ServerProcess, stack: AsyncExitStack) -> None:
    earlier, later = two_updates()
    peer = await joined(stack, mute)
    sender = await raw(stack, mute)
    sender.send(yproto.update(later))
    sender.send(yproto.update(earlier))
    with pytest.raises(AssertionError):
        await peer.wait_text("first second", within=2)
