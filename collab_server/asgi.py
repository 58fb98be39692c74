"""The server as an ASGI application: run by somebody's Hypercorn or uvicorn, or mounted in their application.

    hypercorn collab_server.asgi:app                     settings from the environment, as `serve` reads them

    host.mount("/collab", collab_server.asgi.app)        and, in the host's lifespan:
    async with collab_server.asgi.lifespan(): ...

Owns what ASGI adds to the composition: the lifespan, who answers before it was entered, the cap. Does not
listen, so it lets in only connections from this machine unless `listen.allow_anonymous` is set.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from collab_storage import Journal, StorageError
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from collab_server.composition import Service, Traffic
from collab_server.config import Settings, load_settings
from collab_server.errors import ConfigError
from collab_server.gateway.asgi_scope import subprotocol, upgrade_request
from collab_server.gateway.auth import LoopbackAccess, OpenAccess
from collab_server.gateway.settings import GatewaySettings
from collab_server.gateway.websocket_asgi import AsgiConnection
from collab_server.observability import Event, get_logger
from collab_server.observability.log import configure_logging
from collab_server.parts import gateway_settings
from collab_server.process import explain_start_failure
from collab_server.protocol.close_codes import CloseReason
from collab_server.runtime.connection import Connection, UpgradeRequest

_log = get_logger(__name__)

#: As long as a refusal on a port of ours: clients before 3.1 come back 100 ms after any close.
_REFUSAL_SECONDS = 2.0
_MOST_NAMED = 50

#: Fits into the reason of a close frame.
_NOT_STARTED = "Not started: enter collab_server.asgi.lifespan() in the lifespan of the host application."
_FULL = "This server has as many connections as it may.\n"


class CollabApp:
    """An ASGI application. Serves while its `lifespan` is entered, by the ASGI server or by a host.

    Settings that are not given are read when it starts: file, then environment. `journal` is for tests.
    """

    def __init__(self, settings: Settings | None = None, *, journal: Journal | None = None) -> None:
        self._settings = settings
        self._journal = journal
        self._door: _Door | None = None
        self._unsaved: Sequence[str] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._follow_server(receive, send)
        elif self._door is None:
            await _answer_not_started(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._door.open_websocket(scope, receive, send)
        else:
            await self._door.http(scope, receive, send)

    @asynccontextmanager
    async def lifespan(self, _host: object = None) -> AsyncIterator[None]:
        """Everything is open inside; at the end people are sent away and everything is saved.

        Can be entered again afterwards. Ignores the host, which is there so that FastAPI takes it as it is.
        Raises ConfigError, StorageError or OSError if it cannot start.
        """
        if self._door is not None:
            raise RuntimeError("the lifespan of this application is entered already")
        settings = await self._load()
        access = OpenAccess() if settings.listen.allow_anonymous else LoopbackAccess()
        service = Service(settings, authenticator=access, journal=self._journal)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(service.close)
            await service.start()
            http = await asyncio.to_thread(service.http_app, base_path=settings.listen.base_path)
            door = self._door = _Door(service, http)
            stack.callback(self._shut)
            service.open_to(door)
            try:
                yield
            finally:
                await service.drain(deadline_seconds=settings.sessions.drain_seconds)
                await door.wait_empty(settings.sessions.close_seconds)
                self._judge(service.unsaved())

    def _judge(self, unsaved: Sequence[str]) -> None:
        self._unsaved = unsaved[:_MOST_NAMED]
        if unsaved:
            _log.error(Event.DRAIN_INCOMPLETE, unsaved=len(unsaved), rooms=list(self._unsaved))

    def _shut(self) -> None:
        self._door = None

    async def _load(self) -> Settings:
        if self._settings is None:
            self._settings = (await asyncio.to_thread(load_settings)).settings
        return self._settings

    async def _follow_server(self, receive: Receive, send: Send) -> None:
        """The ASGI lifespan protocol: then the process is ours, its log too if nobody has claimed that."""
        await receive()
        async with AsyncExitStack() as stack:
            try:
                settings = await self._load()
                if not structlog.is_configured():
                    stack.callback(configure_logging(settings.log).close)
                await stack.enter_async_context(self.lifespan())
            except (OSError, StorageError, ConfigError) as error:
                await send({"type": "lifespan.startup.failed", "message": self._explain(error)})
                return
            await send({"type": "lifespan.startup.complete"})
            await receive()
        if self._unsaved:
            await send({"type": "lifespan.shutdown.failed", "message": f"not saved: {self._unsaved}"})
        else:
            await send({"type": "lifespan.shutdown.complete"})

    def _explain(self, error: OSError | StorageError | ConfigError) -> str:
        failure = explain_start_failure(error, self._settings or Settings())
        return f"{failure.sentence} {failure.hint}".strip()


class _Door:
    """The way in while the application runs. Implements `FrontEnd`."""

    def __init__(self, service: Service, http: ASGIApp) -> None:
        self.http = http
        self._service = service
        self._gateway = gateway_settings(service.settings, None)
        self._base_path = service.settings.listen.base_path
        self._cap = service.settings.listen.max_connections
        self._connections: set[AsgiConnection] = set()
        self._is_empty = asyncio.Event()
        self._is_empty.set()
        self._opened = 0
        self._refused = 0

    async def open_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.at_capacity:
            self._refused += 1
            await _refuse_full(scope, receive, send)
            return
        await receive()  # websocket.connect
        connection = AsgiConnection(receive, send, settings=self._gateway)
        self._opened += 1
        self._connections.add(connection)
        self._is_empty.clear()
        try:
            await send({"type": "websocket.accept", "subprotocol": subprotocol(scope)})
            request = upgrade_request(scope, base_path=self._base_path)
            await connection.serve(self._service.entrance.accept, request)
        finally:
            self._connections.discard(connection)
            if not self._connections:
                self._is_empty.set()

    async def wait_empty(self, seconds: float) -> None:
        """Until every connection is gone; those that stay longer are dropped."""
        try:
            async with asyncio.timeout(seconds):
                await self._is_empty.wait()
        except TimeoutError:
            for connection in list(self._connections):
                connection.abort()
            await self._is_empty.wait()

    @property
    def traffic(self) -> Traffic:
        """Plain HTTP is the ASGI server's to count."""
        return Traffic(websockets=len(self._connections), opened=self._opened, refused=self._refused)

    @property
    def at_capacity(self) -> bool:
        return 0 < self._cap <= len(self._connections)

    def stop_accepting(self) -> None:
        """Nothing: whoever listens does so on, and the entrance turns people away."""


async def _answer_not_started(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "websocket":
        await PlainTextResponse(f"{_NOT_STARTED}\n", status_code=503)(scope, receive, send)
        return
    await receive()  # websocket.connect
    # A browser sees no status of a refused handshake, but it sees a close code and its reason.
    await send({"type": "websocket.accept", "subprotocol": subprotocol(scope)})
    connection = AsgiConnection(receive, send, settings=GatewaySettings())
    await connection.serve(_TurnedAway, upgrade_request(scope))


class _TurnedAway:
    """Stands where a session would be, and tells why there is none. Implements `MessageHandler`."""

    def __init__(self, connection: Connection, _request: UpgradeRequest) -> None:
        loop = asyncio.get_running_loop()
        self._telling = loop.call_later(
            _REFUSAL_SECONDS, connection.close, CloseReason.TRY_AGAIN.code, _NOT_STARTED
        )

    def message(self, payload: bytes) -> None: ...

    def text_message(self) -> None: ...

    def writing_paused(self) -> None: ...

    def writing_resumed(self) -> None: ...

    def disconnected(self, code: int | None) -> None:
        self._telling.cancel()


async def _refuse_full(scope: Scope, receive: Receive, send: Send) -> None:
    """Without accepting it: clients that were never connected come back ever more slowly."""
    await receive()  # websocket.connect
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", b"5")]
    await send({"type": "websocket.http.response.start", "status": 503, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": _FULL.encode()})


def create_app(settings: Settings | None = None) -> CollabApp:
    """One more application, with settings of its own; two of them need two data directories."""
    return CollabApp(settings)


app = create_app()
lifespan = app.lifespan
