"""A connection until its TLS handshake is complete, counted and bounded in time from its beginning.

Owns the handshake, and the transport that the rest of the gateway sees. Knows no certificate but the context
that it is given, and nothing of what is spoken afterwards.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, Protocol, cast

from collab_server.gateway.head import RefusedRequest
from collab_server.gateway.head_protocol import HeadProtocol, Waiting, error_response
from collab_server.gateway.lingering import linger
from collab_server.gateway.settings import GatewaySettings
from collab_server.observability import Event, get_logger

_log = get_logger(__name__)

#: The first byte of a record that begins a handshake (RFC 8446 §5.1).
_TLS_HANDSHAKE = 0x16

#: Methods of uvloop's TLS transport that are ours as they are.
_DIRECT = ("get_protocol", "pause_reading", "resume_reading", "set_protocol", "write", "writelines")


class DoorOwner(Protocol):
    """Who counts the connections and takes those that are secured."""

    @property
    def settings(self) -> GatewaySettings: ...

    def opened(self, waiting: Waiting) -> bool:
        """Count a new connection; False if there is no room even for HTTP."""

    def head_done(self, waiting: Waiting) -> None:
        """No longer responsible for the connection, or it is gone."""

    def gone(self) -> None:
        """One connection is gone, whatever it had become."""

    def secured(self, transport: asyncio.Transport) -> HeadProtocol:
        """The protocol for the first request of a connection whose handshake is complete."""

    def count_timeout(self) -> None: ...

    def count_failed_handshake(self) -> None: ...


class TlsDoor(asyncio.Protocol):
    """Implements `Waiting`. Nothing of TLS is made before the first byte comes."""

    __slots__ = ("_context", "_owner", "_timer", "_transport")

    _transport: asyncio.Transport
    _timer: asyncio.TimerHandle

    def __init__(self, owner: DoorOwner, context: ssl.SSLContext) -> None:
        self._owner = owner
        self._context = context

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        seconds = self._owner.settings.head_timeout_seconds
        self._timer = asyncio.get_running_loop().call_later(seconds, self._timed_out)
        if not self._owner.opened(self):
            # Before the handshake, which costs more than all the rest of a refusal.
            self.abort()

    def data_received(self, data: bytes) -> None:
        if data[0] == _TLS_HANDSHAKE:
            self._shake_hands(data)
        else:
            self._refuse()

    def connection_lost(self, exc: Exception | None) -> None:
        self._let_go()

    def abort_if_silent(self) -> None:
        """Nothing was asked on it yet."""
        self.abort()

    def abort(self) -> None:
        self._transport.abort()

    def _timed_out(self) -> None:
        self._owner.count_timeout()
        self.abort()

    def _refuse(self) -> None:
        self._owner.count_failed_handshake()
        self._transport.write(
            error_response(RefusedRequest(400, "This port speaks TLS: use https:// or wss://."))
        )
        linger(self._transport, seconds=self._owner.settings.close_timeout_seconds, on_lost=self._let_go)

    def _shake_hands(self, first: bytes) -> None:
        loop = asyncio.get_running_loop()
        settings = self._owner.settings
        early = _Early()
        self._transport.pause_reading()
        shaking = loop.create_task(
            loop.start_tls(
                self._transport,
                early,
                self._context,
                server_side=True,
                ssl_handshake_timeout=settings.head_timeout_seconds,
                ssl_shutdown_timeout=settings.close_timeout_seconds,
            ),
            name="gateway tls handshake",
        )
        # The task's first step, this, what that step leaves to be called (connection_made, resume_reading)
        # and then the feeding run in this order, with no read in between.
        loop.call_soon(loop.call_soon, self._feed, first)
        shaking.add_done_callback(lambda task: self._shaken(task, early))

    def _feed(self, first: bytes) -> None:
        """Give the bytes that came here to the protocol that shakes hands."""
        protocol = cast(asyncio.BufferedProtocol, self._transport.get_protocol())
        rest = memoryview(first)
        while rest and not self._transport.is_closing():
            room = memoryview(protocol.get_buffer(len(rest)))
            count = min(len(room), len(rest))
            room[:count] = rest[:count]
            protocol.buffer_updated(count)
            rest = rest[count:]

    def _shaken(self, shaking: asyncio.Task[asyncio.Transport | None], early: _Early) -> None:
        secure = None
        if not shaking.cancelled():
            error = shaking.exception()
            if error is None:
                secure = shaking.result()
            elif not isinstance(error, OSError):
                _log.error(Event.CONNECTION_FAILED, where="TLS handshake", exc_info=error)
            # OSError: no TLS that we speak, or lost on the way. It is the remote's affair.
        if secure is None or secure.is_closing():
            self.abort()
            self._owner.count_failed_handshake()
            self._let_go()
        else:
            self._pass_on(SecureTransport(secure, self._transport), early)

    def _pass_on(self, transport: SecureTransport, early: _Early) -> None:
        self._timer.cancel()
        self._owner.head_done(self)
        head = self._owner.secured(transport)
        if early.data:
            head.data_received(bytes(early.data))
        if early.has_ended:
            transport.abort()

    def _let_go(self) -> None:
        self._timer.cancel()
        self._owner.head_done(self)
        self._owner.gone()


class _Early(asyncio.Protocol):
    """Keeps what comes between the end of the handshake and the turn of the loop in which that is known."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.has_ended = False

    def data_received(self, data: bytes) -> None:
        self.data += data

    def eof_received(self) -> None:
        self.has_ended = True


class SecureTransport(asyncio.Transport):
    """uvloop's TLS transport, telling truly how much waits to be sent.

    uvloop counts what waits to be encrypted; what is encrypted waits in the TCP transport below, where nobody
    would see it. So the high and low water are set there, and any byte held above means: pause.
    """

    __slots__ = ("_secure", "_tcp", *_DIRECT)

    def __init__(self, secure: asyncio.Transport, tcp: asyncio.Transport) -> None:
        super().__init__()
        self._secure = secure
        self._tcp = tcp
        # Hot: without a call in between.
        for name in _DIRECT:
            setattr(self, name, getattr(secure, name))

    def get_write_buffer_size(self) -> int:
        return self._secure.get_write_buffer_size() + self._tcp.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._tcp.set_write_buffer_limits(high, low)
        self._secure.set_write_buffer_limits(1, 0)

    def can_write_eof(self) -> bool:
        """TLS cannot end one direction alone."""
        return False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._secure.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._secure.is_closing()

    def is_reading(self) -> bool:
        return self._secure.is_reading()

    def close(self) -> None:
        self._secure.close()

    def abort(self) -> None:
        self._secure.abort()
