"""Peers that never finish, flood before they are let in, read nothing, or are gone without a word, while
somebody else edits: each costs little, and not for long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

import pytest

from tests.interop.attack import MEGABYTE, ROOM, Scene, scene
from tests.interop.hostile import SlowHandshake, pour, watched
from tests.support import yproto
from tests.support.editor import Editor
from tests.support.proxy import FaultyProxy
from tests.support.rawclient import HandshakeRefused, RawClient
from tests.support.server import HOST, ServerProcess, our_server
from tests.support.waiting import PATIENCE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

Start = Callable[..., Awaitable[ServerProcess]]

MOST_BYTES = 16 * MEGABYTE
HANDSHAKES = 500
FLOODERS = 60
BEFORE_ADMISSION_BYTES = 64 * 1024
#: What the first connections of a process leave behind whatever they send.
BASE_BYTES = 3 * MEGABYTE
FORBIDDEN = 4403
#: 5 MB a second, in edits that take each other's place.
LARGE_EDIT_BYTES, LARGE_EDITS_PER_SECOND = 100_000, 50
#: For the looks at sessions, once a second, and a machine that is busy.
SLACK_SECONDS = 4.0
#: The beginning of a frame of 40 MB: a parser would wait for the rest of it.
LARGE_FRAME = b"\x82\xff" + (40 * MEGABYTE).to_bytes(8, "big") + bytes(4)


@pytest.fixture
async def start(tmp_path: Path, stack: AsyncExitStack) -> Start:
    """Starts servers with other settings."""
    directories = (tmp_path / str(number) for number in count())

    async def started(**settings: float) -> ServerProcess:
        env = {f"COLLAB_{name.upper()}": str(value) for name, value in settings.items()}
        return await stack.enter_async_context(our_server(next(directories), env=env))

    return started


async def connections(server: ServerProcess) -> float:
    """Open connections of every kind but the one that asks."""
    metrics = await server.metrics()
    return metrics["collab_connections_open"] + metrics["collab_http_connections_open"] - 1


@pytest.mark.parametrize("seconds", [2.0, pytest.param(10.0, marks=pytest.mark.soak)])
async def test_half_sent_handshakes(start: Start, seconds: float) -> None:
    server = await start(listen__handshake_seconds=seconds)
    async with scene(server) as target, watched(server) as growth:
        before = await connections(server)
        slow = [await SlowHandshake.begin(server) for _ in range(HANDSHAKES)]
        async with Editor() as newcomer:
            await newcomer.connect(f"{server.url}/{ROOM}")
            await newcomer.joined(within=seconds)
        async with asyncio.timeout(seconds + PATIENCE):
            answers = await asyncio.gather(*(handshake.answer() for handshake in slow))
        assert {answer.split(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 408 Request Timeout"}
        await target.peers.write()
        assert await connections(server) == before
    assert growth.peak_bytes < MOST_BYTES


@pytest.mark.port_only("Hypercorn queues without bound what nobody has received")
async def test_a_flood_before_admission(server: ServerProcess) -> None:
    """Who is not let in is not read, is told so, and what it sends after that is thrown away."""
    async with scene(server) as target:
        loaded = (await server.metrics())["collab_rooms_loaded_total"]
        clients = [await RawClient.connect(f"{server.url}/a//b") for _ in range(FLOODERS)]
        async with watched(server) as growth:
            for client in clients:
                client.send_bytes(LARGE_FRAME)
            await asyncio.gather(*(pour(client, bytes(100_000), times=100) for client in clients))
            closes = await asyncio.gather(*(client.wait_closed() for client in clients))
        assert {close.code for close in closes} == {FORBIDDEN}
        assert (await server.metrics())["collab_rooms_loaded_total"] == loaded
        for client in clients:
            await client.abort()
        await target.peers.write()
    assert growth.peak_bytes < BASE_BYTES + FLOODERS * BEFORE_ADMISSION_BYTES


async def heavy_class(server: ServerProcess, *, seconds: float, stall: float | None) -> int:
    """A room makes 5 MB/s while one of its clients reads, or has stopped and is closed after `stall` seconds;
    how much memory that took."""
    async with scene(server) as target, await RawClient.connect(f"{server.url}/{ROOM}") as reader:
        reader.send(yproto.step1())
        await reader.wait_message(lambda m: m.step == yproto.STEP2, what="step 2")
        if stall is not None:
            reader.pause()
        async with watched(server) as growth:
            await write_much(target, seconds)
            if stall is not None:
                await is_given_up(server, within=stall + SLACK_SECONDS)
    return growth.peak_bytes


async def write_much(target: Scene, seconds: float) -> None:
    for number in range(int(seconds * LARGE_EDITS_PER_SECOND)):
        target.peers.writer.map["large"] = f"{number}".ljust(LARGE_EDIT_BYTES)
        if number % LARGE_EDITS_PER_SECOND == 0:
            await target.peers.write()
        # The pace of the room.
        await asyncio.sleep(1 / LARGE_EDITS_PER_SECOND)
    await target.peers.write()


async def is_given_up(server: ServerProcess, *, within: float) -> None:
    async with asyncio.timeout(within):
        while not await slow_consumers(server):  # noqa: ASYNC110
            # The one that could hear of it does not read.
            await asyncio.sleep(0.1)


async def slow_consumers(server: ServerProcess) -> float:
    return (await server.metrics())['collab_connections_closed_total{reason="slow_consumer"}']


@pytest.mark.parametrize(("stall", "seconds"), [(2.0, 5.0), pytest.param(10.0, 9.0, marks=pytest.mark.soak)])
async def test_a_client_that_stops_reading(start: Start, stall: float, seconds: float) -> None:
    """The document grows all the same; what the silent reader adds is bounded, and ends with it."""
    attentive, stopped = await start(), await start(sessions__send_stall_seconds=stall)
    ordinary = await heavy_class(attentive, seconds=seconds, stall=None)
    assert await slow_consumers(attentive) == 0
    more = await heavy_class(stopped, seconds=seconds, stall=stall)
    assert more - ordinary < MOST_BYTES


@pytest.mark.parametrize("patience", [3.0, pytest.param(20.0, marks=pytest.mark.soak)])
async def test_a_blackholed_peer(start: Start, patience: float) -> None:
    """With the defaults (20 s of silence, 20 s for a pong) it is gone within 45 s: presence, slot and all."""
    server = await start(
        sessions__ping_seconds=patience, sessions__pong_seconds=patience, listen__max_connections=5
    )
    async with scene(server) as target, FaultyProxy(HOST, server.port) as proxy, Editor() as lost:
        await lost.connect(f"{proxy.url}/{ROOM}")
        await lost.joined()
        lost.send(yproto.awareness((lost.doc.client_id, 1, '{"name":"lost"}')))
        await target.peers.reader.wait(lambda: lost.doc.client_id in target.peers.reader.awareness)
        with pytest.raises(HandshakeRefused, match="503"):
            await RawClient.connect(f"{server.url}/{ROOM}")
        proxy.blackhole()
        await target.peers.write()
        await target.peers.reader.wait(
            lambda: lost.doc.client_id not in target.peers.reader.awareness,
            within=2 * patience + SLACK_SECONDS,
            what="the end of its presence",
        )
        async with await RawClient.connect(f"{server.url}/{ROOM}") as next_one:
            await next_one.wait_message(lambda m: m.type == yproto.SYNC, what="step 1")
        assert (await server.metrics())['collab_connections_closed_total{reason="timeout"}'] == 1
