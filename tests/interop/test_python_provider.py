"""`pycrdt.Provider` over pycrdt-websocket's channel, with a stock JavaScript client in the same room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from httpx_ws import AsyncWebSocketSession, aconnect_ws
from pycrdt import Doc, Provider, Text
from pycrdt.websocket.websocket import HttpxWebsocket

from tests.conftest import StartClient
from tests.support.node import NodeClient
from tests.support.server import ServerProcess
from tests.support.waiting import PATIENCE, Changes, WaitFailed

pytestmark = pytest.mark.slow

ROOM = "python/provider"


class PythonParticipant:
    """A document with its provider, and waits on its text."""

    def __init__(self, provider: Provider, doc: Doc[Any]) -> None:
        self.provider = provider
        self.text: Text = doc.get("text", type=Text)
        self.changes = Changes()
        self._subscription = doc.observe(lambda _event: self.changes.notify())

    async def wait_text(self, expected: str, *, within: float = PATIENCE) -> None:
        await self.changes.wait_for(lambda: str(self.text) == expected, within=within, what=repr(expected))


@asynccontextmanager
async def python_participant(url: str) -> AsyncIterator[PythonParticipant]:
    doc: Doc[Any] = Doc()
    websocket: AsyncWebSocketSession
    async with (
        aconnect_ws(f"{url}/{ROOM}") as websocket,
        Provider(doc, HttpxWebsocket(websocket, ROOM)) as provider,
    ):
        yield PythonParticipant(provider, doc)


async def bounded(event: Awaitable[object], within: float) -> None:
    try:
        async with asyncio.timeout(within):
            await event
    except TimeoutError:
        raise WaitFailed(f"not within {within} s") from None


async def exchange(server: ServerProcess, javascript: NodeClient, *, within: float = PATIENCE) -> None:
    """Text made in JavaScript before the Python client joins, then edits both ways and at once."""
    await javascript.open("3.1", server.url, ROOM)
    await javascript.wait("synced", within=within)
    await javascript.insert("früher, ")
    async with python_participant(server.url) as python:
        await bounded(python.provider.synced.wait(), within)
        await python.wait_text("früher, ", within=within)
        python.text += "später, "
        await javascript.wait("text", equals="früher, später, ", within=within)
        await javascript.insert("J")
        python.text.insert(0, "P")
        await javascript.wait("text", equals="Pfrüher, später, J", within=within)
        await python.wait_text("Pfrüher, später, J", within=within)


async def test_python_and_javascript_edit_together(server: ServerProcess, node_client: StartClient) -> None:
    javascript = await node_client()
    await exchange(server, javascript)
    await javascript.until_saved()
    await javascript.call("close")
    await server.restart(kill=True)
    async with python_participant(server.url) as python:
        await python.wait_text("Pfrüher, später, J")


async def test_control_nothing_arrives_when_nothing_is_relayed(
    mute: ServerProcess, node_client: StartClient
) -> None:
    # The provider's task group wraps what is raised inside it.
    with pytest.RaisesGroup(WaitFailed, flatten_subgroups=True):
        await exchange(mute, await node_client(), within=2)
