"""The last bytes of a connection reach a remote that is still sending."""

from __future__ import annotations

import asyncio

from collab_server.gateway.lingering import linger


class Farewell(asyncio.Protocol):
    """Says goodbye to whoever sends something."""

    def __init__(self, *, seconds: float) -> None:
        self.seconds = seconds
        self.transport: asyncio.Transport
        self.lost = asyncio.Event()
        self.times_lost = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.transport.write(b"goodbye")
        linger(self.transport, seconds=self.seconds, on_lost=self.on_lost)

    def on_lost(self) -> None:
        self.times_lost += 1
        self.lost.set()


async def connected(protocol: Farewell) -> tuple[asyncio.Server, asyncio.StreamReader, asyncio.StreamWriter]:
    server = await asyncio.get_running_loop().create_server(lambda: protocol, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    return server, reader, writer


async def test_a_remote_that_is_still_sending_reads_the_goodbye() -> None:
    protocol = Farewell(seconds=20)
    server, reader, writer = await connected(protocol)

    writer.write(b"x" * 5_000_000)
    assert await reader.read() == b"goodbye"
    writer.close()
    await asyncio.wait_for(protocol.lost.wait(), 20)

    assert protocol.times_lost == 1
    server.close()


async def test_a_remote_that_stays_is_dropped_at_the_deadline() -> None:
    protocol = Farewell(seconds=0.05)
    server, reader, writer = await connected(protocol)

    writer.write(b"x")
    assert await reader.read() == b"goodbye"
    await asyncio.wait_for(protocol.lost.wait(), 20)

    writer.close()
    server.close()


async def test_a_paused_transport_reads_on() -> None:
    protocol = Farewell(seconds=20)
    server, reader, writer = await connected(protocol)
    writer.write(b"x")
    await reader.readexactly(1)
    protocol.transport.pause_reading()
    linger(protocol.transport, seconds=20, on_lost=protocol.on_lost)

    writer.close()
    await asyncio.wait_for(protocol.lost.wait(), 20)

    server.close()


async def test_a_transport_that_is_closing_already() -> None:
    protocol = Farewell(seconds=20)
    server, reader, writer = await connected(protocol)
    writer.write(b"x")
    await reader.readexactly(1)
    protocol.transport.abort()
    linger(protocol.transport, seconds=20, on_lost=protocol.on_lost)

    await asyncio.wait_for(protocol.lost.wait(), 20)

    writer.close()
    server.close()
