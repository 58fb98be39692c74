"""Handing a connection to Hypercorn: plain HTTP/1.1 on the transport that the listener accepted.

Owns the configuration of Hypercorn and the tasks of its connections. Does not know what the ASGI application
answers. A connection that asks for a WebSocket, as reverse proxies do on those that they keep alive, is given
back. HTTP/2 is not offered.
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
from hypercorn.events import Event as HypercornEvent
from hypercorn.events import Updated
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.typing import ASGIFramework

from collab_server.gateway.handshake import wants_websocket
from collab_server.gateway.head import RequestHead, split_target
from collab_server.gateway.settings import GatewaySettings
from collab_server.observability import Event, get_logger

_log = get_logger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Takes a connection whose next request asks for a WebSocket: its head, and the bytes that came after it.
GiveBack = Callable[[asyncio.Transport, RequestHead, bytes], None]


class HttpService:
    """Serves HTTP on connections that are handed over, until `close`."""

    def __init__(self, app: AsgiApp, *, settings: GatewaySettings, give_back: GiveBack) -> None:
        self._app = ASGIWrapper(cast(ASGIFramework, _guard(app)))
        self._config = _hypercorn_config(settings)
        self._context = WorkerContext(None)
        self._give_back = give_back
        self._stall_seconds = settings.http_stall_timeout_seconds
        self._connections: dict[asyncio.Task[None], asyncio.Transport] = {}

    def take(self, transport: asyncio.Transport, received: bytes, *, on_gone: Callable[[], None]) -> None:
        """Serve this connection. `received` are the bytes read so far.

        Either it is given back, or `on_gone` is called once, at its end.
        """
        _limit_stall(transport, seconds=self._stall_seconds)
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(loop=loop)
        protocol = _Stream(reader, loop=loop)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        reader.feed_data(received)
        writer = _Writer(transport, protocol, reader, loop)
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
        self, server: _Http1Server, transport: asyncio.Transport, on_gone: Callable[[], None]
    ) -> None:
        try:
            await server.run()
        except Exception:  # noqa: BLE001 - a mistake of ours ends one connection, not its neighbours
            _log.exception(Event.CONNECTION_FAILED, where="HTTP")
        finally:
            if server.upgrade is None:
                transport.abort()  # cancelled while it waited for the remote to read
                on_gone()
        if server.upgrade is not None:
            _limit_stall(transport, seconds=0)
            # Ends the reader, which nobody feeds any more, so that all it holds comes without waiting.
            server.reader.feed_eof()
            self._give_back(transport, server.upgrade.head, server.upgrade.rest + await server.reader.read())


class _Stream(asyncio.StreamReaderProtocol):
    """Between transport and Hypercorn. Knows whether the remote has ended its side."""

    has_ended = False

    def eof_received(self) -> bool | None:
        self.has_ended = True
        return super().eof_received()


class _Writer(asyncio.StreamWriter):
    """One that leaves its transport open when it goes: by then the transport may be a WebSocket's."""

    def __del__(self, *_: object) -> None: ...


class _WantsWebSocketError(Exception):
    """Not an error but the way out of Hypercorn: a request to be answered by somebody else."""

    def __init__(self, head: RequestHead, rest: bytes) -> None:
        super().__init__()
        self.head = head
        self.rest = rest


class _Http1Protocol(H11Protocol):
    """HTTP/1.1 that never becomes anything else here: HTTP/2 not at all, a WebSocket elsewhere."""

    async def _check_protocol(self, event: h11.Request) -> None:
        head = _request_head(event)
        if wants_websocket(head):
            raise _WantsWebSocketError(head, self.connection.trailing_data[0])


class _Http1Server(TCPServer):
    """Hypercorn's connection, kept to HTTP/1.1, and ended when the remote has ended it."""

    #: The request for which the connection leaves Hypercorn, if any.
    upgrade: _WantsWebSocketError | None = None
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
        try:
            await super()._read_data()
        except _WantsWebSocketError as request:
            self._leave(request)
        # Hypercorn would wait for the next request of a remote that has gone, until its time-out.
        self._is_over = True
        await self.idle_task.stop()

    def _leave(self, request: _WantsWebSocketError) -> None:
        stream = self.writer.transport.get_protocol()
        # Nobody could tell the next protocol of an end that has come already.
        if not (isinstance(stream, _Stream) and stream.has_ended):
            self.upgrade = request

    async def _close(self) -> None:
        if self.upgrade is None:
            await super()._close()

    async def protocol_send(self, event: HypercornEvent) -> None:
        if self._is_over and isinstance(event, Updated):
            return
        await super().protocol_send(event)


def _request_head(request: h11.Request) -> RequestHead:
    headers = tuple((name.decode("ascii"), value.decode("latin-1")) for name, value in request.headers)
    version = f"HTTP/{request.http_version.decode('ascii')}"
    return RequestHead(request.method.decode("ascii"), request.target, version, headers)


def _limit_stall(transport: asyncio.Transport, *, seconds: float) -> None:
    """Let the kernel drop a remote that takes nothing of what is written to it for so long; 0: never."""
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
    """`app` with the path of an absolute request target as its path."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["raw_path"].startswith(b"/"):
            raw_path, _ = split_target(scope["raw_path"])
            scope = {**scope, "raw_path": raw_path, "path": unquote(raw_path.decode("ascii"))}
        await app(scope, receive, send)

    return guarded
