"""Handing a connection to Hypercorn: plain HTTP/1.1 on the transport that the listener accepted.

Owns the configuration of Hypercorn and the tasks of its connections. Does not know what the ASGI application
answers. HTTP/2 is not offered, and an upgrade that comes later on a kept-alive connection is refused.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast
from urllib.parse import unquote

import h11
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.events import Event, Updated
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.typing import ASGIFramework

from collab_server.gateway.head import split_target
from collab_server.gateway.settings import GatewaySettings

_logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_LATE_UPGRADE = (
    "A WebSocket must be the first request of its connection. "
    "If a proxy is before the server, tell it to open a new connection for each upgrade.\n"
)


class HttpService:
    """Serves HTTP on connections that are handed over, until `close`."""

    def __init__(self, app: AsgiApp, *, settings: GatewaySettings) -> None:
        self._app = ASGIWrapper(cast(ASGIFramework, _guard(app)))
        self._config = _hypercorn_config(settings)
        self._context = WorkerContext(None)
        self._stall_seconds = settings.http_stall_timeout_seconds
        self._connections: dict[asyncio.Task[None], asyncio.Transport] = {}

    def take(self, transport: asyncio.Transport, received: bytes, *, on_gone: Callable[[], None]) -> None:
        """Serve this connection. `received` are the bytes read so far. `on_gone`: once, at its end."""
        _limit_stall(transport, seconds=self._stall_seconds)
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        reader.feed_data(received)
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        server = _Http1Server(self._app, loop, self._config, self._context, {}, reader, writer)
        task = loop.create_task(self._serve(server, transport, on_gone), name="gateway http connection")
        self._connections[task] = transport
        task.add_done_callback(self._connections.pop)

    async def close(self, *, grace_seconds: float) -> None:
        """End idle connections, let running requests finish within the grace, then cancel them."""
        await self._context.terminated.set()
        if not self._connections:
            return
        _, running = await asyncio.wait(set(self._connections), timeout=grace_seconds)
        for task in running:
            # First the transport: a cancelled task still waits until the remote has read what was written.
            self._connections[task].abort()
            task.cancel()
        if running:
            await asyncio.wait(running)

    async def _serve(
        self, server: TCPServer, transport: asyncio.Transport, on_gone: Callable[[], None]
    ) -> None:
        try:
            await server.run()
        except Exception:
            _logger.exception("an HTTP connection failed")
        finally:
            transport.abort()  # cancelled while it waited for the remote to read
            on_gone()


class _Http1Protocol(H11Protocol):
    """HTTP/1.1 that never becomes HTTP/2, neither by `Upgrade: h2c` nor by its preface."""

    async def _check_protocol(self, event: h11.Request) -> None: ...


class _Http1Server(TCPServer):
    """Hypercorn's connection, kept to HTTP/1.1, and ended when the remote has ended it."""

    #: The remote sends no more requests.
    _is_over = False

    async def _read_data(self) -> None:
        made = self.protocol
        made.protocol = _Http1Protocol(
            made.app,
            made.config,
            made.context,
            made.task_group,
            made.state,
            made.ssl,
            made.client,
            made.server,
            made.send,
        )
        await super()._read_data()
        # Hypercorn would wait for the next request of a remote that has gone, until its time-out.
        self._is_over = True
        await self.idle_task.stop()

    async def protocol_send(self, event: Event) -> None:
        if self._is_over and isinstance(event, Updated):
            return
        await super().protocol_send(event)


def _limit_stall(transport: asyncio.Transport, *, seconds: float) -> None:
    """Let the kernel drop a remote that takes nothing of what is written to it for so long."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))


def _hypercorn_config(settings: GatewaySettings) -> Config:
    config = Config()
    config.accesslog = None
    config.errorlog = logging.getLogger("collab_server.gateway.hypercorn")
    config.include_server_header = False
    config.h11_max_incomplete_size = settings.head_max_bytes
    config.keep_alive_timeout = settings.keep_alive_timeout_seconds
    return config


def _guard(app: AsgiApp) -> AsgiApp:
    """`app` for HTTP alone, and with the path of an absolute request target as its path."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await _refuse_late_upgrade(send)
            return
        if not scope["raw_path"].startswith(b"/"):
            raw_path, _ = split_target(scope["raw_path"])
            scope = {**scope, "raw_path": raw_path, "path": unquote(raw_path.decode("ascii"))}
        await app(scope, receive, send)

    return guarded


async def _refuse_late_upgrade(send: Send) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"upgrade", b"websocket"),
        (b"connection", b"close"),
    ]
    await send({"type": "websocket.http.response.start", "status": 426, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": _LATE_UPGRADE.encode("ascii")})
