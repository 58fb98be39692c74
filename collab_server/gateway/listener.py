"""The one port: accepts, and hands each connection to whoever speaks the protocol of its first request.

Owns the listening sockets, the count of connections and the cap. Knows nothing of rooms, and of HTTP only
what decides where a connection goes.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from collab_server.gateway.handshake import (
    SubprotocolChoice,
    first_offered,
    read_handshake,
    switching_response,
    wants_websocket,
)
from collab_server.gateway.head import RefusedRequest, RequestHead
from collab_server.gateway.head_protocol import HeadProtocol, Waiting
from collab_server.gateway.http_handover import AsgiApp, HttpService
from collab_server.gateway.large_turns import LargeTurns
from collab_server.gateway.settings import GatewaySettings
from collab_server.gateway.sockets import bind_all, resolve
from collab_server.gateway.tls_door import TlsDoor
from collab_server.gateway.websocket_fast import FastConnection
from collab_server.protocol.close_codes import CloseReason
from collab_server.runtime.connection import Acceptor

_ABORT_SECONDS = 5.0

#: The context for a new connection; it may change from one to the next.
TlsContext = Callable[[], ssl.SSLContext]


@dataclass(slots=True)
class GatewayCounts:
    """What came in so far. `open` is how many connections there are now, of every kind."""

    accepted: int = 0
    open: int = 0
    websockets: int = 0
    http: int = 0
    over_cap: int = 0
    timed_out: int = 0
    failed_handshakes: int = 0
    #: Refused request heads by HTTP status.
    refused: dict[int, int] = field(default_factory=dict)
    #: WebSockets that sent what no client may send, by close code.
    violations: dict[int, int] = field(default_factory=dict)


class Listener:
    """The open port. Made by `start_listener`."""

    def __init__(
        self,
        *,
        acceptor: Acceptor,
        asgi_app: AsgiApp,
        settings: GatewaySettings,
        choose: SubprotocolChoice,
        tls: TlsContext | None,
    ) -> None:
        self.counts = GatewayCounts()
        self._acceptor = acceptor
        self._settings = settings
        self._choose = choose
        self._tls = tls
        self._http = HttpService(asgi_app, settings=settings, give_back=self._take_back)
        self._servers: list[asyncio.Server] = []
        self._waiting: set[Waiting] = set()
        self._websockets: set[FastConnection] = set()
        self._turns = LargeTurns(asyncio.get_running_loop())
        self._port = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    @property
    def port(self) -> int:
        """The port that was bound, also when 0 was asked for."""
        return self._port

    @property
    def connections(self) -> int:
        """Open connections of every kind."""
        return self.counts.open

    @property
    def websockets(self) -> int:
        """Open WebSockets: what the cap counts."""
        return len(self._websockets)

    async def listen(self, sockets: Sequence[socket.socket]) -> None:
        """Accept on bound sockets, which are owned from now on."""
        loop = asyncio.get_running_loop()
        self._port = sockets[0].getsockname()[1]
        for sock in sockets:
            server = await loop.create_server(self._enter, sock=sock, backlog=self._settings.backlog)
            self._servers.append(server)

    def _enter(self) -> asyncio.Protocol:
        return HeadProtocol(self) if self._tls is None else TlsDoor(self, self._tls())

    def stop_accepting(self) -> None:
        """Close the port and every connection that has not yet sent a byte. Idempotent."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        for waiting in list(self._waiting):
            waiting.abort_if_silent()

    async def close(self, *, grace_seconds: float = 1.0) -> None:
        """Stop accepting and end every connection; after the grace those that are left are dropped."""
        deadline = asyncio.get_running_loop().time() + grace_seconds
        self.stop_accepting()
        for waiting in list(self._waiting):
            waiting.abort()
        for connection in list(self._websockets):
            connection.close(*CloseReason.GOING_AWAY.value)
        await self._http.close(grace_seconds=grace_seconds)
        try:
            async with asyncio.timeout_at(deadline):
                await self._quiet.wait()
        except TimeoutError:
            for websocket in list(self._websockets):
                websocket.abort()
            for waiting in list(self._waiting):
                waiting.abort()
            # Aborted transports go in the next turn of the loop.
            await asyncio.wait_for(self._quiet.wait(), _ABORT_SECONDS)

    # What HeadProtocol and TlsDoor call: implements `HeadOwner` and `DoorOwner`.

    @property
    def settings(self) -> GatewaySettings:
        return self._settings

    def opened(self, waiting: Waiting) -> bool:
        """Count a new connection; False if there is no room even for HTTP."""
        self.counts.accepted += 1
        self.counts.open += 1
        self._quiet.clear()
        self._waiting.add(waiting)
        cap = self._settings.max_connections
        if cap is None or self.counts.open <= cap + self._settings.http_reserve:
            return True
        self.counts.over_cap += 1
        return False

    def returned(self, waiting: Waiting) -> None:
        """A connection that is counted already has become one that waits."""
        self._waiting.add(waiting)

    def secured(self, transport: asyncio.Transport) -> HeadProtocol:
        """The protocol for the first request of a connection whose handshake is complete."""
        head = HeadProtocol(self)
        head.take_over(transport)
        return head

    def head_done(self, waiting: Waiting) -> None:
        self._waiting.discard(waiting)

    def gone(self) -> None:
        """One connection is gone, whatever it had become."""
        self.counts.open -= 1
        if not self.counts.open:
            self._quiet.set()

    def dispatch(
        self, transport: asyncio.Transport, head: RequestHead, *, received: bytes, rest: bytes
    ) -> None:
        """Give the connection away. Raises RefusedRequest while it still is the caller's."""
        if wants_websocket(head):
            self._open_websocket(transport, head, rest)
        else:
            self.counts.http += 1
            self._http.take(transport, received, on_gone=self.gone)

    def _take_back(self, transport: asyncio.Transport, head: RequestHead, rest: bytes) -> None:
        """A kept-alive connection asks for a WebSocket: from here on it is as if that came first."""
        HeadProtocol(self).resume(transport, head, rest)

    def count_failed_handshake(self) -> None:
        self.counts.failed_handshakes += 1

    def count_timeout(self) -> None:
        self.counts.timed_out += 1

    def count_refusal(self, status: int) -> None:
        self.counts.refused[status] = self.counts.refused.get(status, 0) + 1

    def _open_websocket(self, transport: asyncio.Transport, head: RequestHead, rest: bytes) -> None:
        handshake = read_handshake(head, remote=_remote_of(transport))
        cap = self._settings.max_connections
        if cap is not None and len(self._websockets) >= cap:
            self.counts.over_cap += 1
            raise RefusedRequest(
                503, "This server has as many connections as it may.", headers=(("Retry-After", "5"),)
            )
        self.counts.websockets += 1
        transport.write(switching_response(handshake, subprotocol=self._choose(handshake.offered)))
        loop = asyncio.get_running_loop()
        connection = FastConnection(
            transport,
            loop=loop,
            settings=self._settings,
            turns=self._turns,
            on_gone=self._websocket_gone,
        )
        self._websockets.add(connection)
        connection.start(self._acceptor, handshake.request)
        connection.feed(rest)

    def _websocket_gone(self, connection: FastConnection) -> None:
        self._websockets.discard(connection)
        if connection.failure:
            violations = self.counts.violations
            violations[connection.failure] = violations.get(connection.failure, 0) + 1
        self.gone()


async def start_listener(
    *,
    host: str,
    port: int,
    acceptor: Acceptor,
    asgi_app: AsgiApp,
    settings: GatewaySettings | None = None,
    choose_subprotocol: SubprotocolChoice = first_offered,
    tls: TlsContext | None = None,
) -> Listener:
    """Listen on every address of `host`. Must run on a uvloop loop. Raises ListenError.

    With `tls` nothing but TLS is spoken; it is asked for the context of each connection.
    """
    settings = settings or GatewaySettings()
    listener = Listener(
        acceptor=acceptor, asgi_app=asgi_app, settings=settings, choose=choose_subprotocol, tls=tls
    )
    sockets = bind_all(await resolve(host, port), backlog=settings.backlog)
    await listener.listen(sockets)
    return listener


def _remote_of(transport: asyncio.Transport) -> str:
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if peer else ""
