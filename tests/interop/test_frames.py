"""Frames at and over the limits, by the ten thousand, and of the wrong kind, while somebody else edits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.interop.attack import MEGABYTE, ROOM, Scene, scene
from tests.interop.hostile import pour, watched
from tests.support import yproto
from tests.support.rawclient import BINARY, CONTINUATION, PING, TEXT, RawClient, client_frame
from tests.support.server import ServerProcess, our_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

#: The smallest limit that the smallest document leaves (`sessions.max_frame_bytes`).
LIMIT = 1_000_016
SMALL = {
    "COLLAB_ROOMS__MAX_DOCUMENT_BYTES": "1000000",
    "COLLAB_SESSIONS__MAX_FRAME_BYTES": str(LIMIT),
}
TOO_BIG, BAD_FRAME, GONE = 1009, 4400, 1006
MOST_BYTES = 16 * MEGABYTE
#: A message of a type that is ignored: nothing but its size counts.
FOREIGN = b"\x7f"


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    async with our_server(tmp_path / "data", env=SMALL) as server:
        yield server


async def attacker(target: Scene) -> RawClient:
    """A client that is in the attacked room."""
    client = await RawClient.connect(f"{target.server.url}/{ROOM}")
    await client.wait_message(lambda m: m.type == yproto.SYNC, what="step 1")
    return client


async def is_taken(client: RawClient) -> bool:
    """Whether the server took what was sent and still listens; else it has closed."""
    seen = len(client.messages)
    client.send(yproto.query_awareness())

    def is_over() -> bool:
        return client.closed is not None or len(client.messages) > seen

    await client.until(is_over, what="an answer or the close")
    return client.closed is None


def in_pieces(payload: bytes, count: int) -> list[bytes]:
    size = -(-len(payload) // count)
    parts = [payload[at : at + size] for at in range(0, len(payload), size)]
    last = len(parts) - 1
    return [
        client_frame(BINARY if n == 0 else CONTINUATION, part, fin=n == last) for n, part in enumerate(parts)
    ]


@pytest.mark.parametrize("pieces", [1, 7])
@pytest.mark.parametrize("over", [-1, 0, 1])
async def test_the_limit_is_exact(small: ServerProcess, over: int, pieces: int) -> None:
    payload = FOREIGN + bytes(LIMIT + over - 1)
    async with scene(small) as target, await attacker(target) as client:
        for frame in in_pieces(payload, pieces):
            await pour(client, frame, times=1)
        if over <= 0:
            assert await is_taken(client)
        else:
            assert (await client.wait_closed()).code == TOO_BIG


@pytest.mark.port_only("Hypercorn joins them and does not count them")
async def test_a_million_fragments(server: ServerProcess) -> None:
    async with scene(server) as target, await attacker(target) as client, watched(server) as growth:
        client.send_frame(BINARY, FOREIGN, fin=False)
        await pour(client, client_frame(CONTINUATION, b"x", fin=False) * 1000, times=1000)
        assert (await client.wait_closed()).code == TOO_BIG
    assert growth.peak_bytes < MOST_BYTES


@pytest.mark.port_only("Hypercorn reads on after it has refused one")
async def test_a_frame_that_says_it_is_a_gigabyte(server: ServerProcess) -> None:
    async with scene(server) as target, await attacker(target) as client, watched(server) as growth:
        client.send_bytes(b"\x82\xff" + (1 << 30).to_bytes(8, "big") + bytes(4))
        await pour(client, bytes(100_000), times=300)
        assert (await client.wait_closed()).code == TOO_BIG
    assert growth.peak_bytes < MOST_BYTES


async def test_a_hundred_thousand_pings_whose_answers_are_not_read(server: ServerProcess) -> None:
    """They may all fit into the kernel's buffers; what counts is that they do not pile up in ours."""
    async with scene(server) as target, await attacker(target) as client, watched(server) as growth:
        client.pause()
        await pour(client, client_frame(PING, bytes(125)) * 1000, times=100)
        await target.peers.write()
    assert growth.peak_bytes < MOST_BYTES


async def test_pings_without_end_are_cut(server: ServerProcess) -> None:
    async with scene(server) as target, await attacker(target) as client, watched(server) as growth:
        client.pause()
        sent = await pour(client, client_frame(PING, bytes(125)) * 1000, times=2000)
        assert sent < 2000, "the server answered two million pings that nobody read"
        await target.peers.write()
    assert growth.peak_bytes < MOST_BYTES


@pytest.mark.parametrize("size", [0, 5, 3 * MEGABYTE])
async def test_text_is_refused(server: ServerProcess, size: int) -> None:
    async with scene(server) as target, await attacker(target) as client, watched(server) as growth:
        client.send_frame(TEXT, b"x" * size)
        assert (await client.wait_closed()).code == BAD_FRAME
    assert growth.peak_bytes < MOST_BYTES


async def test_many_attackers_cost_a_multiple_of_one(server: ServerProcess) -> None:
    """Ten clients that begin the largest message there may be, in fragments, and never end it."""
    async with scene(server) as target:
        clients = [await attacker(target) for _ in range(10)]
        async with watched(server) as growth:
            for client in clients:
                client.send_frame(BINARY, FOREIGN, fin=False)
            piece = client_frame(CONTINUATION, bytes(1000), fin=False) * 100
            await asyncio.gather(*(pour(client, piece, times=10) for client in clients))
            await target.peers.write()
        for client in clients:
            await client.abort()
    assert growth.peak_bytes < 10 * 2 * MEGABYTE
