"""One WebSocket over ASGI: for servers that are not ours, where the fast path cannot be.

Owns the queue of what goes out, the order of what comes in, and the end of both. Frames, fragments, pings and
the close handshake are the ASGI server's; what it lets in is bounded here once more. Knows nothing of rooms
and sessions beyond the ports in `runtime.connection`.

Two tasks belong to each connection, since both directions of ASGI wait: one writes, one reads. It is open
until the first of: our close, the remote's end, an abort, a send that fails, the end of the server.
`disconnected` follows exactly once, before `serve` returns.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from collab_server.gateway.control_frames import close_payload
from collab_server.gateway.settings import GatewaySettings
from collab_server.gateway.violations import TOO_BIG
from collab_server.observability import Event, get_logger
from collab_server.protocol.close_codes import CloseReason
from collab_server.runtime.connection import Acceptor, Frame, LargeMessage, MessageHandler, UpgradeRequest

_log = get_logger(__name__)

AsgiEvent = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[AsgiEvent]]
Send = Callable[[AsgiEvent], Awaitable[None]]

#: What ASGI servers say where no close frame with a code came (RFC 6455 §7.4.1).
_NO_CODE = (None, 1005, 1006)
#: A server that ends waits for its applications; what they still say has to be said soon.
_LAST_WORDS_SECONDS = 0.5


class AsgiConnection:
    """Implements `runtime.connection.Connection`. Use: `serve`, once, after the handshake was accepted."""

    def __init__(self, receive: Receive, send: Send, *, settings: GatewaySettings) -> None:
        self._receive = receive
        self._send = send
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._handler: MessageHandler | None = None
        self._queue: deque[Frame | LargeMessage] = deque()
        self._queued_bytes = 0
        self._is_full = False
        self._to_write = asyncio.Event()
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._is_open = True
        self._close_event: AsgiEvent | None = None
        self._timer: asyncio.TimerHandle | None = None
        #: Done when the connection is gone.
        self._over = self._loop.create_future()
        self._remote_code: int | None = None
        self.failure = 0
        self.last_received = self._loop.time()

    async def serve(self, accept: Acceptor, request: UpgradeRequest) -> None:
        """Let `accept` give the handler, and carry messages until the connection is gone."""
        self._start(accept, request)
        tasks = [
            self._loop.create_task(self._write(), name="gateway asgi writer"),
            self._loop.create_task(self._read(), name="gateway asgi reader"),
        ]
        try:
            await self._over
        except asyncio.CancelledError:
            await self._end(tasks)
            await self._say_going_away()
            raise
        finally:
            await self._end(tasks)
            self._lost()

    def _start(self, accept: Acceptor, request: UpgradeRequest) -> None:
        try:
            self._handler = accept(self, request)
        except Exception:  # noqa: BLE001 - a mistake of ours ends one connection, not its neighbours
            _log.exception(Event.CONNECTION_FAILED, where="accept")
            self.close(*CloseReason.INTERNAL.value)
        self._check_full()

    # --- writing ---

    def send(self, frame: Frame) -> None:
        self._put(frame)

    def send_pair(self, first: Frame, second: Frame) -> None:
        self._put(first)
        self._put(second)

    def send_large(self, message: LargeMessage) -> None:
        # ASGI has no fragments: the writer joins it. It is large enough to fill the queue at once.
        self._put(message)

    def _put(self, message: Frame | LargeMessage) -> None:
        if not self._is_open:
            return
        self._queue.append(message)
        self._queued_bytes += len(message)
        self._to_write.set()
        self._check_full()

    def ping(self) -> bool:
        """ASGI has no pings, and the server's own are not seen."""
        return False

    @property
    def buffered(self) -> int:
        return self._queued_bytes

    async def _write(self) -> None:
        try:
            while True:
                await self._to_write.wait()
                self._to_write.clear()
                await self._write_queue()
                if self._close_event is not None:
                    await self._send(self._close_event)
                    return
        except OSError:
            self._set_over()  # the remote has gone; `receive` may never say so
        except Exception:  # noqa: BLE001 - as above
            _log.exception(Event.CONNECTION_FAILED, where="write")
            self._set_over()

    async def _write_queue(self) -> None:
        while self._queue:
            message = self._queue.popleft()
            payload = message.payload if isinstance(message, Frame) else await message.joined()
            await self._send({"type": "websocket.send", "bytes": payload})
            self._queued_bytes -= len(message)
            self._check_drained()

    def _check_full(self) -> None:
        if self._is_full or self._handler is None or not self._is_open:
            return
        if self._queued_bytes > self._settings.write_high_bytes:
            self._is_full = True
            self._handler.writing_paused()

    def _check_drained(self) -> None:
        if not self._is_full or self._handler is None or not self._is_open:
            return
        if self._queued_bytes <= self._settings.write_low_bytes:
            self._is_full = False
            self._handler.writing_resumed()

    # --- reading ---

    def pause_reading(self) -> None:
        """Hand nothing on until `resume_reading`, and ask the server for nothing more."""
        if self._is_open:
            self._may_read.clear()

    def resume_reading(self) -> None:
        self._may_read.set()

    async def _read(self) -> None:
        try:
            while True:
                await self._may_read.wait()
                event = await self._receive()
                self.last_received = self._loop.time()
                if event["type"] == "websocket.disconnect":
                    self._remote_code = None if event.get("code") in _NO_CODE else event["code"]
                    break
                # It may have been paused while this was waited for.
                await self._may_read.wait()
                if self._is_open:
                    self._take(event)
        except Exception:  # noqa: BLE001 - as above
            _log.exception(Event.CONNECTION_FAILED, where="read")
        self._set_over()

    def _take(self, event: AsgiEvent) -> None:
        assert self._handler is not None
        payload = event.get("bytes")
        try:
            if payload is None:
                self._handler.text_message()
            elif len(payload) > self._settings.message_max_bytes:
                self.failure = TOO_BIG
                self.close(TOO_BIG, "a message is too large")
            else:
                self._handler.message(payload)
        except Exception:  # noqa: BLE001 - as above
            _log.exception(Event.CONNECTION_FAILED, where="message")
            self.close(*CloseReason.INTERNAL.value)

    # --- the end ---

    def close(self, code: int, reason: str = "") -> None:
        if not self._is_open:
            return
        text = close_payload(code, reason)[2:].decode()
        self._is_open = False
        self._close_event = {"type": "websocket.close", "code": code, "reason": text}
        self._to_write.set()
        # The remote's answer is waited for: ending now could overtake what was written.
        self._may_read.set()
        self._timer = self._loop.call_later(self._settings.close_timeout_seconds, self.abort)

    def abort(self) -> None:
        self._is_open = False
        self._set_over()

    def _set_over(self) -> None:
        self._is_open = False
        if not self._over.done():
            self._over.set_result(None)

    async def _say_going_away(self) -> None:
        """The server ends and cancels us; it would close with a code that says nothing."""
        if not self._is_open:
            return
        code, reason = CloseReason.GOING_AWAY.value
        try:
            async with asyncio.timeout(_LAST_WORDS_SECONDS):
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except Exception:  # noqa: BLE001 - as above
            # The server may be past sending. The remote reconnects after this as after any other end.
            _log.debug(Event.CONNECTION_FAILED, where="close", exc_info=True)

    @staticmethod
    async def _end(tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    def _lost(self) -> None:
        self._is_open = False
        self._queue.clear()
        self._queued_bytes = 0
        if self._timer is not None:
            self._timer.cancel()
        handler, self._handler = self._handler, None
        if handler is None:
            return
        try:
            handler.disconnected(self._remote_code)
        except Exception:  # noqa: BLE001 - as above
            _log.exception(Event.CONNECTION_FAILED, where="disconnected")
