"""Four updates in every order, a restart after each: in the end the document is the same."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import permutations

import pytest

from tests.support import yproto
from tests.support.editor import Editor, successive_updates
from tests.support.server import ServerProcess

pytestmark = pytest.mark.slow

ORDERS = list(permutations(range(4)))


def four_updates() -> tuple[list[bytes], str]:
    """Two authors; each update needs the one before it. And the text that they make."""
    first = Editor(client_id=1)
    one, two = successive_updates(lambda e: e.append("one "), lambda e: e.append("two "), editor=first)
    second = Editor(client_id=2)
    second.doc.apply_update(first.doc.get_update())
    three, four = successive_updates(
        lambda e: e.append("three "), lambda e: e.text.insert(4, "four "), editor=second
    )
    return [one, two, three, four], str(second.text)


def room_of(order: Sequence[int]) -> str:
    return "order/" + "".join(map(str, order))


async def send_one(server: ServerProcess, room: str, update: bytes) -> None:
    """Send one update and leave once it is durable, held or not: a later edit of the room is saved."""
    async with Editor() as sender, Editor() as fence:
        await sender.connect(f"{server.url}/{room}")
        await sender.joined()
        assert sender.client is not None
        before = len(sender.client.messages)
        sender.send(yproto.update(update))
        sender.send(yproto.query_awareness())
        await sender.client.wait_message(lambda m: m.type == yproto.AWARENESS, after=before)
        await fence.connect(f"{server.url}/{room}")
        await fence.joined()
        fence.hello()
        fence.map["fence"] = len(update)
        fence.mark(1)
        await fence.wait_saved(1)


async def in_every_order(server: ServerProcess, updates: list[bytes]) -> None:
    for step in range(len(updates)):
        await asyncio.gather(*(send_one(server, room_of(order), updates[order[step]]) for order in ORDERS))
        await server.restart(kill=step % 2 == 0)


async def test_every_order_of_four_updates_gives_the_same_document(
    server: ServerProcess, stack: AsyncExitStack
) -> None:
    updates, text = four_updates()
    await in_every_order(server, updates)
    for order in ORDERS:
        fresh = await stack.enter_async_context(Editor())
        await fresh.connect(f"{server.url}/{room_of(order)}")
        await fresh.joined()
        assert str(fresh.text) == text, f"sent in the order {order}"


async def test_control_a_server_that_forgets_ends_otherwise(
    forgetful: ServerProcess, stack: AsyncExitStack
) -> None:
    updates, text = four_updates()
    room = room_of(ORDERS[0])
    for update in updates:
        async with Editor() as sender:
            await sender.connect(f"{forgetful.url}/{room}")
            await sender.joined()
            sender.send(yproto.update(update))
            assert sender.client is not None
            await sender.client.close()
        await forgetful.restart(kill=True)
    fresh = await stack.enter_async_context(Editor())
    await fresh.connect(f"{forgetful.url}/{room}")
    await fresh.joined()
    assert str(fresh.text) != text
