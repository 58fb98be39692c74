"""The server on a port of its own: one composition, and the listener as its way in.

Owns what the listener adds: who may be listened to, and the order of its start and end around the
composition's.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from collab_storage import Journal

from collab_server.composition import Service, Traffic
from collab_server.config import ListenSettings, Settings
from collab_server.gateway.auth import OpenAccess
from collab_server.gateway.bind import check_bind
from collab_server.gateway.listener import Listener, start_listener
from collab_server.gateway.sockets import resolve
from collab_server.gateway.tls import Certificate, TlsError
from collab_server.observability import Event, get_logger
from collab_server.parts import gateway_settings

_log = get_logger(__name__)


@asynccontextmanager
async def build_app(
    settings: Settings, *, max_connections: int | None = None, journal: Journal | None = None
) -> AsyncIterator[Application]:
    """The application, not started; whatever it opened is closed at the end."""
    app = Application(settings, journal=journal, max_connections=max_connections)
    try:
        yield app
    finally:
        await app.close()


class Application:
    """One server process without its signals. Use: `start`, then `drain`, then `close`, which is always due.

    `journal` is a port, so that tests can place faults; without one the settings decide.
    """

    def __init__(
        self, settings: Settings, *, journal: Journal | None = None, max_connections: int | None = None
    ) -> None:
        # Whom the port lets in is decided when it is bound.
        self.service = Service(settings, authenticator=OpenAccess(), journal=journal)
        self._settings = settings
        self._max_connections = max_connections
        self._listener: Listener | None = None
        self._certificate = _certificate_of(settings.listen)

    async def start(self) -> None:
        """Open the journal and the port. Raises StorageError or ConfigError; `close` is due all the same."""
        listen = self._settings.listen
        resolved = await resolve(listen.host, listen.port)
        check_bind(listen.host, resolved.numeric, allow_anonymous=listen.allow_anonymous)
        if self._certificate is not None:
            await asyncio.to_thread(self._certificate.load)
        await self.service.start()
        self._listener = await start_listener(
            host=listen.host,
            port=listen.port,
            acceptor=self.service.entrance.accept,
            asgi_app=self.service.http_app(base_path=listen.base_path),
            settings=gateway_settings(self._settings, self._max_connections),
            tls=self._tls_context if self._certificate is not None else None,
        )
        self.service.open_to(_Port(self._listener, self._max_connections))

    @property
    def port(self) -> int:
        """The port that was bound."""
        assert self._listener is not None
        return self._listener.port

    def _tls_context(self) -> ssl.SSLContext:
        assert self._certificate is not None
        return self._certificate.context

    def reload_certificate(self) -> None:
        """Read the certificate again, soon; a bad one is logged and the old one stays."""
        if self._certificate is not None:
            self.service.tasks.start(_reload(self._certificate), name="reload certificate")

    async def drain(self, *, deadline_seconds: float) -> None:
        """Stop taking people, send them away in portions, save everything; within the deadline."""
        await self.service.drain(deadline_seconds=deadline_seconds)

    def unsaved(self) -> Sequence[str]:
        """Rooms with edits that are not durable, the most changed first."""
        return self.service.unsaved()

    async def close(self) -> None:
        """Let go of everything. What is not saved by now is not saved."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.service.close)
            if self._listener is not None:
                stack.push_async_callback(self._listener.close)


def _certificate_of(listen: ListenSettings) -> Certificate | None:
    if listen.tls_cert is None or listen.tls_key is None:
        return None
    return Certificate(listen.tls_cert, listen.tls_key)


async def _reload(certificate: Certificate) -> None:
    try:
        await asyncio.to_thread(certificate.load)
    except TlsError as error:
        _log.error(Event.CERTIFICATE_REFUSED, error=str(error), hint="The one of before stays in use.")
    else:
        _log.info(Event.CERTIFICATE_LOADED)


class _Port:
    """The listener as the composition sees it. Implements `FrontEnd`."""

    def __init__(self, listener: Listener, max_connections: int | None) -> None:
        self._listener = listener
        self._max_connections = max_connections

    @property
    def traffic(self) -> Traffic:
        counts, websockets = self._listener.counts, self._listener.websockets
        return Traffic(
            websockets=websockets,
            http=counts.open - websockets,
            opened=counts.websockets,
            refused=sum(counts.refused.values())
            + counts.over_cap
            + counts.timed_out
            + counts.failed_handshakes,
        )

    @property
    def at_capacity(self) -> bool:
        cap = self._max_connections
        return cap is not None and self._listener.connections >= cap

    def stop_accepting(self) -> None:
        self._listener.stop_accepting()
