"""Whoever joins a room that has text is never told `synced` while the document is empty: editors seed their
default text at that moment, and it would be there twice."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from tests.conftest import StartClient, both_ways_in
from tests.support import yproto
from tests.support.editor import Editor
from tests.support.node import Y_WEBSOCKET_VERSIONS, NodeClient
from tests.support.server import ServerProcess
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.slow

ROUNDS = 100


def text_of(round_number: int) -> str:
    return f"round {round_number}"


async def write(editor: Editor, round_number: int) -> None:
    """Type, and return as soon as the server has the edit: its answer to a later question proves it."""
    assert editor.client is not None
    before = len(editor.client.messages)
    editor.append(text_of(round_number))
    editor.send(yproto.query_awareness())
    await editor.client.wait_message(lambda m: m.type == yproto.AWARENESS, after=before, what="awareness")


async def first_sight(
    client: NodeClient, server: ServerProcess, round_number: int, *, within: float = PATIENCE
) -> int:
    """Join with a fresh document; the length of the text at the moment of the first `synced`."""
    await client.open(Y_WEBSOCKET_VERSIONS[round_number % 3], server.url, f"late/{round_number}")
    event = await client.wait("event", match={"type": "sync", "synced": True})
    await client.wait("text", equals=text_of(round_number), within=within)
    await client.call("close")
    return int(event["length"])


async def join_every_round(
    server: ServerProcess, client: NodeClient, stack: AsyncExitStack, *, within: float = PATIENCE
) -> None:
    for number in range(ROUNDS):
        editor = await stack.enter_async_context(Editor())
        await editor.connect(f"{server.url}/late/{number}")
        await editor.joined()
        await write(editor, number)
        assert await first_sight(client, server, number, within=within) == len(text_of(number))


@both_ways_in
async def test_a_late_joiner_is_never_synced_and_empty(
    server: ServerProcess, node_client: StartClient, stack: AsyncExitStack
) -> None:
    client = await node_client()
    async with AsyncExitStack() as writers:
        await join_every_round(server, client, writers)
    await server.restart()
    for number in range(ROUNDS):
        assert await first_sight(client, server, number) == len(text_of(number))


async def test_control_a_server_that_relays_nothing_shows_an_empty_document(
    mute: ServerProcess, node_client: StartClient, stack: AsyncExitStack
) -> None:
    with pytest.raises(AssertionError, match="text"):
        await join_every_round(mute, await node_client(), stack, within=2)
