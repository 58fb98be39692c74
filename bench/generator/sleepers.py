"""Clients that join a room, ask for its document and read nothing of it: a closed laptop, a dead link.

Their receive buffers are as small as the kernel allows, so that what they do not read stays with the server.
"""

from __future__ import annotations

import asyncio
import socket

import picows

from bench.generator.dialects import Y_WEBSOCKET

_RECEIVE_BYTES = 4096


class Sleeper(picows.WSListener):
    """Says what a client says first and then reads nothing more."""

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport
        for frame in Y_WEBSOCKET.opening(""):
            transport.send(picows.WSMsgType.BINARY, frame)
        transport.underlying_transport.pause_reading()


async def fall_asleep(count: int, port: int, room: str) -> list[Sleeper]:
    """Connect that many."""
    sleepers = []
    for _ in range(count):
        _, sleeper = await picows.ws_connect(
            Sleeper,
            f"ws://127.0.0.1:{port}{Y_WEBSOCKET.path(room)}",
            socket_factory=lambda _url: _small_socket(port),
        )
        assert isinstance(sleeper, Sleeper)
        sleepers.append(sleeper)
    return sleepers


async def _small_socket(port: int) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    return connection


def wake(sleepers: list[Sleeper]) -> None:
    """End their connections."""
    for sleeper in sleepers:
        sleeper.transport.disconnect(graceful=False)
