"""A document of megabytes, from its base and in fragments, to real clients while somebody writes."""

from __future__ import annotations

import asyncio

import pytest

from tests.conftest import StartClient, both_ways_in
from tests.support.editor import Editor
from tests.support.node import Y_WEBSOCKET_VERSIONS
from tests.support.server import ServerProcess
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.slow

PARAGRAPH = "The quick brown fox jumps over the lazy dog, and again, as ever. ☃ "
MEGABYTES = 3


async def until_compacted(server: ServerProcess) -> None:
    async with asyncio.timeout(30):
        while not (await server.metrics())["collab_compactions_total"]:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)


@both_ways_in
async def test_every_version_gets_all_of_it_at_once_and_what_is_written_meanwhile(
    server: ServerProcess, node_client: StartClient
) -> None:
    author = await Editor().connect(f"{server.url}/large")
    await author.joined()
    for _ in range(MEGABYTES * 10):
        author.append(PARAGRAPH * (100_000 // len(PARAGRAPH.encode())))
    await until_compacted(server)
    size = len(str(author.text).encode("utf-16-le")) // 2
    for version in Y_WEBSOCKET_VERSIONS:
        client = await node_client()
        await client.open(version, server.url, "large")
        author.append(f"while {version} joins ")
        event = await client.wait("event", match={"type": "sync", "synced": True})
        assert event["length"] >= size, "synced with all that was there"
        await client.wait("text", equals=str(author.text), within=PATIENCE)
        before = str(author.text)
        await client.insert(f"{version} writes ", at=0)
        await author.wait_text(f"{version} writes {before}")
        await client.call("close")
    await author.leave()
