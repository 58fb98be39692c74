"""Type 100 (room channel) and type 102 (sync status) as a page uses them to say "saved", frame by frame."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.conftest import StartClient
from tests.support import yproto
from tests.support.editor import Editor
from tests.support.rawclient import RawClient
from tests.support.server import ServerProcess
from tests.support.waiting import WaitFailed

pytestmark = pytest.mark.slow

GOING_AWAY = 1012


async def joined(stack: AsyncExitStack, server: ServerProcess, room: str = "channel") -> Editor:
    editor = await stack.enter_async_context(Editor())
    await editor.connect(f"{server.url}/{room}")
    return await editor.joined()


async def answer(editor: Editor, **match: Any) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        fitting = (e for e in editor.envelopes if all(e.get(key) == value for key, value in match.items()))
        return next(fitting, None)

    found = await editor.wait(look, what=f"envelope {match}")
    assert isinstance(found, dict)
    return found


async def test_hello_is_welcomed(server: ServerProcess, stack: AsyncExitStack) -> None:
    editor = await joined(stack, server)
    editor.hello()
    welcome = await answer(editor, op="welcome")
    assert welcome["v"] == 1
    assert welcome["session"]
    assert welcome["user"]["id"]
    assert {"read", "write"} <= set(welcome["can"])
    assert welcome["channels"] == {}


async def test_a_user_id_sent_back_in_hello_is_kept(server: ServerProcess, stack: AsyncExitStack) -> None:
    """Open access gives a random user id; a client that comes back is the same user."""
    first = await joined(stack, server)
    first.hello()
    user = (await answer(first, op="welcome"))["user"]["id"]
    again = await joined(stack, server)
    again.send(yproto.envelope({"op": "hello", "v": 1, "user": user, "channels": {}}))
    assert (await answer(again, op="welcome"))["user"]["id"] == user


async def test_a_mark_is_answered_once_all_before_it_is_durable(
    server: ServerProcess, stack: AsyncExitStack
) -> None:
    editor = await joined(stack, server)
    editor.hello()
    editor.append("what was saved")
    editor.mark(17)
    await editor.wait_saved(17)
    await server.kill9()
    await server.start()
    late = await joined(stack, server)
    assert str(late.text) == "what was saved"


async def test_marks_are_answered_in_order_and_once(server: ServerProcess, stack: AsyncExitStack) -> None:
    editor = await joined(stack, server)
    editor.hello()
    for number in range(200):
        editor.append(f"{number},")
        editor.mark(number)
    await editor.wait_saved(199)
    assert editor.saved == sorted(set(editor.saved))
    assert editor.saved == list(range(200))


async def test_a_mark_without_any_edit_is_answered(server: ServerProcess, stack: AsyncExitStack) -> None:
    editor = await joined(stack, server)
    editor.hello()
    editor.mark(1)
    await editor.wait_saved(1)


async def test_a_mark_waits_for_the_answer_to_step_1(server: ServerProcess, stack: AsyncExitStack) -> None:
    """Offline edits travel only in that answer: before it nothing can be called saved."""
    peer = await joined(stack, server)
    peer.hello()
    silent = await stack.enter_async_context(await RawClient.connect(f"{server.url}/channel"))
    silent.send(yproto.envelope({"op": "hello", "v": 1, "channels": {}}))
    silent.send(yproto.envelope({"op": "mark", "id": 3}))
    await silent.wait_message(lambda m: m.type == yproto.CHANNEL and m.json["op"] == "welcome")
    peer.append("later")
    peer.mark(1)
    await peer.wait_saved(1)
    assert not any(map(is_saved, silent.decoded))
    silent.send(yproto.step2())
    await silent.wait_message(is_saved, what="saved")


def is_saved(message: yproto.Message) -> bool:
    return message.type == yproto.CHANNEL and message.json["op"] == "saved"


async def test_an_unknown_operation_is_nacked(server: ServerProcess, stack: AsyncExitStack) -> None:
    editor = await joined(stack, server)
    editor.hello()
    editor.send(yproto.envelope({"op": "levitate", "id": "x1"}))
    nack = await answer(editor, op="nack")
    assert nack["code"]
    editor.mark(1)
    await editor.wait_saved(1)


async def test_an_unknown_channel_is_nacked(server: ServerProcess, stack: AsyncExitStack) -> None:
    editor = await joined(stack, server)
    editor.hello()
    publish = {"op": "publish", "ch": "no-such", "id": "m1", "type": "message", "data": {}}
    editor.send(yproto.envelope(publish))
    nack = await answer(editor, op="nack")
    assert nack["ch"] == "no-such"
    assert nack["id"] == "m1"


async def test_who_never_said_hello_never_sees_a_channel_frame(
    server: ServerProcess, stack: AsyncExitStack
) -> None:
    """Not after edits, not when others use the channel, not when the server drains."""
    quiet = await joined(stack, server)
    page = await joined(stack, server)
    page.hello()
    await answer(page, op="welcome")
    quiet.append("quiet ")
    quiet.mark(1)
    await page.wait_text("quiet ")
    page.append("page")
    page.mark(2)
    await page.wait_saved(2)
    assert quiet.client is not None
    assert page.client is not None
    await server.stop()
    await asyncio.gather(quiet.client.wait_closed(), page.client.wait_closed())
    assert [m for m in quiet.client.decoded if m.type == yproto.CHANNEL] == []
    await server.start()


@pytest.mark.port_only("Hypercorn closes all WebSockets before its applications hear of the end")
async def test_a_drain_is_announced_and_closes_with_a_retryable_code(
    server: ServerProcess, stack: AsyncExitStack
) -> None:
    page = await joined(stack, server)
    page.hello()
    await answer(page, op="welcome")
    await server.stop()
    assert page.client is not None
    assert (await page.client.wait_closed()).code == GOING_AWAY
    drain = await answer(page, op="drain")
    assert drain["retry_after"] >= 0
    await server.start()


async def test_sync_status_is_echoed_once_durable(server: ServerProcess, stack: AsyncExitStack) -> None:
    """y-sweet's message: same bytes back, here only after the commit, without a hello."""
    editor = await joined(stack, server)
    editor.append("acknowledged")
    editor.send(yproto.status(b"\x2a\x00\xff"))
    assert editor.client is not None
    echo = await editor.client.wait_message(lambda m: m.type == yproto.STATUS, what="sync status")
    assert echo.data == b"\x2a\x00\xff"
    await server.kill9()
    await server.start()
    assert str((await joined(stack, server)).text) == "acknowledged"


async def test_a_stock_provider_takes_part_through_its_message_handlers(
    server: ServerProcess, node_client: StartClient
) -> None:
    client = await node_client()
    await client.open("3.1", server.url, "channel/stock")
    await client.wait("synced")
    await client.insert("typed")
    await client.until_saved(5)
    await client.call("sendStatus", hex="07")
    await client.wait("status", hex="07")


async def test_control_nothing_is_saved_on_a_server_that_keeps_nothing(
    mute: ServerProcess, stack: AsyncExitStack
) -> None:
    editor = await joined(stack, mute)
    editor.hello()
    editor.append("lost")
    editor.mark(1)
    with pytest.raises(WaitFailed):
        await editor.wait_saved(1, within=2)
