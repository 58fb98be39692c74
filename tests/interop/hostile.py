"""Clients that hurt with the bytes of the connection rather than with updates, and what each of them costs.

Owns how they behave and how memory is measured; what must become of them is for the tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from tests.support.rawclient import RawClient
from tests.support.server import HOST, ServerProcess

#: The resident memory is looked at this often.
LOOK_SECONDS = 0.02
#: A write that is not taken for so long counts as refused: the server has stopped reading.
STALLED_SECONDS = 3.0


@dataclass(slots=True)
class Growth:
    """How much memory the server took at most while it was watched."""

    peak_bytes: int = 0


@asynccontextmanager
async def watched(server: ServerProcess) -> AsyncIterator[Growth]:
    """Follow the server's memory during the block."""
    growth, before = Growth(), server.rss

    async def follow() -> None:
        while True:
            growth.peak_bytes = max(growth.peak_bytes, server.rss - before)
            await asyncio.sleep(LOOK_SECONDS)

    following = asyncio.create_task(follow(), name="memory")
    try:
        yield growth
        growth.peak_bytes = max(growth.peak_bytes, server.rss - before)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        print(f"the server grew by {growth.peak_bytes:,} bytes at most")


async def pour(client: RawClient, data: bytes, *, times: int) -> int:
    """Send without piling up on our side; how often, until the connection was gone or no longer read."""
    for sent in range(times):
        if client.closed is not None:
            return sent
        try:
            client.send_bytes(data)
            async with asyncio.timeout(STALLED_SECONDS):
                await client.drain()
        except (TimeoutError, ConnectionError):
            return sent
    return times


class SlowHandshake:
    """A connection that begins an upgrade and never finishes it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def begin(cls, server: ServerProcess) -> Self:
        reader, writer = await asyncio.open_connection(HOST, server.port)
        writer.write(b"GET /slow/room HTTP/1.1\r\nHost: school\r\nUpgrade: websocket\r\nX-Slow: ")
        return cls(reader, writer)

    async def answer(self) -> bytes:
        """All that the server says until it closes."""
        try:
            return await self._reader.read()
        finally:
            self._writer.close()
