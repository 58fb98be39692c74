"""What one hostile client may cost in memory, with the default limits, while others are served."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest

from collab_server.runtime.connection import Frame
from tests.support.rawclient import client_frame
from tests.unit.gateway.wiring import Gateway, Peer

pytestmark = pytest.mark.slow

MOST_BYTES = 16 * 1024 * 1024
_PAGE = 4096


def resident() -> int:
    """Bytes of this process in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


async def pour(peer: Peer, data: bytes, *, times: int) -> None:
    """Send without piling up on our own side; stops when the connection is gone."""
    for _ in range(times):
        if peer.writer.transport.is_closing():
            return
        peer.write(data)
        try:
            async with asyncio.timeout(5):
                await peer.writer.drain()
        except (TimeoutError, ConnectionError):
            return  # the server reads no more


async def bystander_is_served(gateway: Gateway) -> None:
    peer, session = await gateway.open()
    session.on_message = lambda payload: session.connection.send(Frame(payload))
    peer.send(b"hello")
    assert await peer.frame() == (2, b"hello")
    await peer.drop()


async def test_a_million_fragments_of_one_byte(gateway: Gateway) -> None:
    await bystander_is_served(gateway)
    peer, session = await gateway.open()
    before = await asyncio.to_thread(resident)
    peer.send(b"a", fin=False)

    await pour(peer, client_frame(0, b"a", fin=False) * 1000, times=1000)

    assert (await peer.closed())[0] == 1009
    assert await asyncio.to_thread(resident) - before < 2 * MOST_BYTES
    assert session.messages == []
    await bystander_is_served(gateway)


async def test_pings_whose_answers_are_not_read(gateway: Gateway) -> None:
    """The first hundred thousand may fit into the buffers of the kernel."""
    await bystander_is_served(gateway)
    peer, session = await gateway.open()
    peer.stop_reading()
    before = await asyncio.to_thread(resident)

    await pour(peer, client_frame(9, b"p" * 125) * 1000, times=1000)

    assert await session.end() is None
    assert await asyncio.to_thread(resident) - before < 2 * MOST_BYTES
    await bystander_is_served(gateway)


async def test_a_frame_that_claims_to_be_larger_than_the_limit(gateway: Gateway) -> None:
    await bystander_is_served(gateway)
    peer, session = await gateway.open()
    before = await asyncio.to_thread(resident)
    peer.write(b"\x82\xff" + (10**9).to_bytes(8, "big") + b"\0\0\0\0")

    await pour(peer, b"x" * 100_000, times=1000)

    assert (await peer.closed())[0] == 1009
    assert await asyncio.to_thread(resident) - before < 2 * MOST_BYTES
    assert session.messages == []


async def test_a_frame_that_is_begun_after_our_close_is_not_kept(gateway: Gateway) -> None:
    """Story: twenty clients that were refused filled 925 MB while their own close was awaited."""
    peer, session = await gateway.open()
    before = await asyncio.to_thread(resident)
    session.connection.close(4403, "not for you")
    peer.write(b"\x82\xff" + (40_000_000).to_bytes(8, "big") + b"\0\0\0\0")

    await pour(peer, b"x" * 100_000, times=390)

    assert await asyncio.to_thread(resident) - before < MOST_BYTES
    assert await peer.frame() == (8, b"\x11\x33not for you")
    assert await peer.all() == b""
    await peer.drop()
    assert session.messages == []
    await session.end()


async def test_frames_of_4_megabytes_leave_nothing_behind(gateway: Gateway) -> None:
    """The parser's own buffer never shrinks: 30 such clients would keep more than 100 MB."""
    peers = [await gateway.open() for _ in range(10)]
    before = await asyncio.to_thread(resident)
    payload = b"x" * 4_000_000
    for number, (peer, session) in enumerate(peers):
        peer.send(payload)
        await session.until(lambda me: me.messages)
        session.messages.clear()
        peer.send(str(number).encode())
        await session.until(lambda me: me.messages)

    assert await asyncio.to_thread(resident) - before < 2 * MOST_BYTES
