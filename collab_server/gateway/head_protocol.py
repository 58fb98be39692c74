"""A connection until its request head is complete, and until a refusal has been read.

Owns the deadline and the bound of the head, and how a refusal is told. Where a complete request goes is its
owner's to decide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol, cast

from collab_server.gateway.head import HeadReader, RefusedRequest, RequestHead
from collab_server.gateway.lingering import end_writing
from collab_server.gateway.settings import GatewaySettings


class Waiting(Protocol):
    """A connection on which nothing is served yet."""

    def abort(self) -> None: ...

    def abort_if_silent(self) -> None:
        """Drop it if it has asked for nothing yet."""


class HeadOwner(Protocol):
    """Who counts the connections and gives them away."""

    @property
    def settings(self) -> GatewaySettings: ...

    def opened(self, waiting: Waiting) -> bool:
        """Count a new connection; False if there is no room even for HTTP."""

    def returned(self, waiting: Waiting) -> None:
        """A connection that is counted already has become one that waits."""

    def dispatch(
        self, transport: asyncio.Transport, head: RequestHead, *, received: bytes, rest: bytes
    ) -> None:
        """Give the connection away. Raises RefusedRequest while it still is the caller's."""

    def head_done(self, waiting: Waiting) -> None:
        """No longer responsible for the connection, or it is gone."""

    def gone(self) -> None:
        """One connection is gone, whatever it had become."""

    def count_timeout(self) -> None: ...

    def count_refusal(self, status: int) -> None: ...


class HeadProtocol(asyncio.Protocol):
    """A connection until its request head is complete; bounded in bytes, and in time from its beginning.

    A refused one stays here until the remote has read why, or until the close deadline: closing a socket that
    holds unread bytes makes the kernel send a reset, which can overtake the answer.
    """

    __slots__ = ("_owner", "_reader", "_timer", "_transport")

    _transport: asyncio.Transport
    _timer: asyncio.TimerHandle

    def __init__(self, owner: HeadOwner) -> None:
        settings = owner.settings
        self._owner = owner
        self._reader: HeadReader | None = HeadReader(
            max_bytes=settings.head_max_bytes, max_headers=settings.head_max_headers
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._arm(self._owner.settings.head_timeout_seconds, self._timed_out)
        if not self._owner.opened(self):
            self.abort()

    def take_over(self, transport: asyncio.Transport) -> None:
        """Become the protocol of a connection that is counted already."""
        self._transport = transport
        transport.set_protocol(self)
        self._arm(self._owner.settings.head_timeout_seconds, self._timed_out)
        self._owner.returned(self)

    def resume(self, transport: asyncio.Transport, head: RequestHead, rest: bytes) -> None:
        """Take over a connection that has served HTTP, at a request that somebody else has read."""
        self.take_over(transport)
        try:
            self._dispatch(head, received=b"", rest=rest)
        except RefusedRequest as refusal:
            self._refuse(refusal)

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if reader is None:
            return
        try:
            complete = reader.feed(data)
            if complete is not None:
                head, rest = complete
                self._dispatch(head, received=reader.received, rest=rest)
        except RefusedRequest as refusal:
            self._refuse(refusal)

    def _dispatch(self, head: RequestHead, *, received: bytes, rest: bytes) -> None:
        self._owner.dispatch(self._transport, head, received=received, rest=rest)
        self._let_go()

    def connection_lost(self, exc: Exception | None) -> None:
        self._let_go()
        self._owner.gone()

    def abort_if_silent(self) -> None:
        """Drop a connection that was opened in advance, as browsers do, and has asked for nothing yet."""
        if self._reader is not None and self._reader.is_empty:
            self.abort()

    def abort(self) -> None:
        self._transport.abort()

    def _timed_out(self) -> None:
        self._owner.count_timeout()
        if self._reader is None or self._reader.is_empty:
            self.abort()
            return
        seconds = self._owner.settings.head_timeout_seconds
        self._refuse(RefusedRequest(408, f"The request head was not complete after {seconds:g} seconds."))

    def _refuse(self, refusal: RefusedRequest) -> None:
        self._reader = None
        self._timer.cancel()
        self._arm(self._owner.settings.close_timeout_seconds, self.abort)
        self._owner.count_refusal(refusal.status)
        self._transport.write(error_response(refusal))
        end_writing(self._transport)

    def _arm(self, seconds: float, action: Callable[[], None]) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, action)

    def _let_go(self) -> None:
        """No longer responsible for the connection. uvloop keeps this object as long as the transport."""
        self._reader = None
        self._timer.cancel()
        self._owner.head_done(self)


def error_response(refusal: RefusedRequest) -> bytes:
    """A whole HTTP answer with the sentence as its text."""
    body = refusal.sentence.encode("utf-8") + b"\n"
    lines = [
        f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in refusal.headers),
    ]
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body
