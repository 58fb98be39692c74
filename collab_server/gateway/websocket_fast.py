"""The fast path: one WebSocket on a uvloop transport, its frames parsed by picows.

Owns the close handshake, pings and the order of what comes in and goes out (RFC 6455 §5-§7), and the bounds
of what waits. Knows nothing of rooms and sessions beyond the ports in `runtime.connection`.

A connection is open until the first of: our close, the remote's, a violation, an abort, the end of the
transport. From then on nothing is sent and no message is handed on. `disconnected` follows exactly once, when
the transport is gone, and a timer sees to it that it goes.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, runtime_checkable

from picows import WSFrame, WSTransport

from collab_server.gateway.fragments import (
    PROTOCOL_ERROR,
    FrameViolation,
    Message,
    MessageAssembler,
    close_payload,
    control_frame,
    read_close,
)
from collab_server.gateway.lingering import linger
from collab_server.gateway.picows_parser import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    FrameParser,
    FrameReceiver,
    new_parser,
)
from collab_server.gateway.settings import GatewaySettings
from collab_server.protocol.close_codes import CloseReason
from collab_server.runtime.connection import Acceptor, Frame, MessageHandler, UpgradeRequest

_logger = logging.getLogger(__name__)

_CLOSE_OPCODE = 0x8
_PONG_OPCODE = 0xA
_PING_WIRE = control_frame(0x9)
_INTERNAL = CloseReason.INTERNAL.value

#: Two frames up to this size are joined before the write; above, copying costs more than gathering.
_JOIN_BYTES = 16 * 1024

#: A parser that took a larger frame keeps a buffer of that size, so it is replaced by a new one.
_LARGE_FRAME_BYTES = 64 * 1024


class _State(IntEnum):
    OPEN = 0
    #: Our close is sent, the remote's is awaited.
    CLOSING = 1
    #: The transport is closing, lingering or aborted.
    ENDING = 2
    GONE = 3


@dataclass(frozen=True, slots=True)
class _RemoteClose:
    code: int | None


@runtime_checkable
class TakesText(Protocol):
    """A message handler that wants text: it comes here, checked to be UTF-8, not to `text_message`."""

    def text(self, payload: bytes) -> None: ...


class FastConnection(FrameReceiver):
    """Implements `runtime.connection.Connection`."""

    __slots__ = (
        "_assembler",
        "_handler",
        "_has_large_parser",
        "_held",
        "_is_parked",
        "_is_plain",
        "_is_releasing",
        "_loop",
        "_on_gone",
        "_pong_debt",
        "_pongs",
        "_remote_code",
        "_settings",
        "_state",
        "_timer",
        "_transport",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        *,
        loop: asyncio.AbstractEventLoop,
        settings: GatewaySettings,
        on_gone: Callable[[FastConnection], None],
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._settings = settings
        self._on_gone = on_gone
        self._handler: MessageHandler | None = None
        self._assembler: MessageAssembler | None = None
        self._held: deque[Message | _RemoteClose] | None = None
        self._state = _State.OPEN
        self._is_parked = False
        self._is_releasing = False
        #: Whether a whole binary frame may go straight to the handler.
        self._is_plain = True
        self._has_large_parser = False
        self._pongs = b""
        self._pong_debt = 0
        self._remote_code: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.last_received = loop.time()
        transport.set_write_buffer_limits(settings.write_high_bytes, settings.write_low_bytes)
        self._set_parser()

    def start(self, accept: Acceptor, request: UpgradeRequest) -> None:
        """Let `accept` give the handler. Call once, after the handshake was answered, before `feed`."""
        try:
            self._handler = accept(self, request)
        except Exception:
            _logger.exception("an acceptor raised")
            self.close(*_INTERNAL)

    def feed(self, data: bytes) -> None:
        """Take bytes that were read before the connection had its transport."""
        rest = memoryview(data)
        while rest and self._state < _State.ENDING:
            parser = self._transport.get_protocol()
            assert isinstance(parser, FrameParser)
            rest = rest[parser.feed(rest) :]

    # Writing. A write on uvloop is a system call at once, as long as nothing is queued.

    def send(self, frame: Frame) -> None:
        if self._state == _State.OPEN:
            self._transport.write(frame.wire)

    def send_pair(self, first: Frame, second: Frame) -> None:
        if self._state != _State.OPEN:
            return
        one, two = first.wire, second.wire
        if len(one) + len(two) <= _JOIN_BYTES:
            self._transport.write(one + two)
        else:
            self._transport.writelines((one, two))

    def ping(self) -> None:
        if self._state == _State.OPEN:
            self._transport.write(_PING_WIRE)

    @property
    def buffered(self) -> int:
        return self._transport.get_write_buffer_size() if self._state < _State.GONE else 0

    # Closing.

    def close(self, code: int, reason: str = "") -> None:
        if self._state != _State.OPEN:
            return
        answered = self._take_held_close()
        self._write_close(close_payload(code, reason))
        self._state = _State.CLOSING
        self._arm_timer()
        if answered:
            self._end()
        else:
            self._transport.resume_reading()

    def abort(self) -> None:
        if self._state < _State.GONE:
            self._leave_open(_State.ENDING)
            self._transport.abort()

    def _take_held_close(self) -> bool:
        """Forget what waits to be handed on; whether the remote's close was among it."""
        held, self._held, self._is_parked = self._held, None, False
        for event in held or ():
            if isinstance(event, _RemoteClose):
                self._remote_code = event.code
                return True
        return False

    def _write_close(self, payload: bytes) -> None:
        self._flush_pongs()
        self._transport.write(control_frame(_CLOSE_OPCODE, payload))

    def _leave_open(self, state: _State) -> None:
        self._state = state
        self._is_plain = False

    def _arm_timer(self) -> None:
        self._is_plain = False
        if self._timer is None:
            self._timer = self._loop.call_later(self._settings.close_timeout_seconds, self.abort)

    def _end(self) -> None:
        """Close the transport after what it still has to write, within the deadline."""
        self._leave_open(_State.ENDING)
        self._arm_timer()
        self._transport.close()

    def _fail(self, code: int, reason: str) -> None:
        """Fail the connection (RFC 6455 §7.1.7): what comes after the violation is not read."""
        if self._state >= _State.ENDING:
            return
        if self._state == _State.OPEN:
            self._write_close(close_payload(code, reason))
        self._leave_open(_State.ENDING)
        linger(self._transport, seconds=self._settings.close_timeout_seconds, on_lost=self._lost)

    def _lost(self) -> None:
        if self._state == _State.GONE:
            return
        self._leave_open(_State.GONE)
        if self._timer is not None:
            self._timer.cancel()
        self._held = None
        self._on_gone(self)
        if self._handler is not None:
            try:
                self._handler.disconnected(self._remote_code)
            except Exception:
                _logger.exception("a message handler raised in disconnected()")

    # Reading.

    def pause_reading(self) -> None:
        """Hand nothing on until `resume_reading`; what the remote sent meanwhile follows then, in order."""
        if self._state == _State.OPEN:
            self._is_parked = True
            self._is_plain = False
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if not self._is_parked:
            return
        self._is_parked = False
        if self._is_releasing:
            return
        self._release_held()
        if not self._is_parked and self._state < _State.ENDING:
            self._refresh_plain()
            self._transport.resume_reading()

    def _release_held(self) -> None:
        self._is_releasing = True
        try:
            while self._held and not self._is_parked:
                self._hand_on(self._held.popleft())
        finally:
            self._is_releasing = False

    def _refresh_plain(self) -> None:
        self._is_plain = (
            self._state == _State.OPEN
            and not (self._is_parked or self._held or self._pongs)
            and (self._assembler is None or self._assembler.is_idle)
        )

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if (
            self._is_plain
            and frame.msg_type is BINARY
            and frame.fin
            and not (frame.rsv1 or frame.rsv2 or frame.rsv3)
        ):
            self._message(frame.get_payload_as_bytes())
        elif self._state < _State.ENDING:
            self._take(frame)
        if self._has_large_parser or frame.payload_size > _LARGE_FRAME_BYTES:
            self._shed_large_parser(frame)

    def _take(self, frame: WSFrame) -> None:
        """Any frame that is not the plain case."""
        try:
            if frame.rsv1 or frame.rsv2 or frame.rsv3:
                raise FrameViolation(PROTOCOL_ERROR, "a reserved bit is set, and no extension was negotiated")
            event = self._read_event(frame)
        except FrameViolation as violation:
            self._fail(violation.code, violation.reason)
            return
        if event is not None:
            self._hand_on(event)
        self._refresh_plain()

    def _read_event(self, frame: WSFrame) -> Message | _RemoteClose | None:
        kind = frame.msg_type
        payload = frame.get_payload_as_bytes()
        if kind is PING:
            self._queue_pong(payload)
            return None
        if kind is PONG:
            return None
        if kind is CLOSE:
            return _RemoteClose(read_close(payload))
        return self._assemble(kind.value, payload, final=bool(frame.fin))

    def _assemble(self, opcode: int, payload: bytes, *, final: bool) -> Message | None:
        if self._assembler is None:
            self._assembler = MessageAssembler(
                max_bytes=self._settings.message_max_bytes,
                max_fragments=self._settings.message_max_fragments,
                keep_text=isinstance(self._handler, TakesText),
            )
        return self._assembler.feed(opcode, payload, final=final)

    def _hand_on(self, event: Message | _RemoteClose) -> None:
        self._flush_pongs()
        if self._is_parked:
            self._hold(event)
        elif isinstance(event, _RemoteClose):
            self._remote_closed(event.code)
        elif self._state != _State.OPEN:
            return
        elif event.is_text:
            self._text(event.payload)
        else:
            self._message(event.payload)

    def _hold(self, event: Message | _RemoteClose) -> None:
        if self._held is None:
            self._held = deque()
        self._held.append(event)

    def _remote_closed(self, code: int | None) -> None:
        self._remote_code = code
        if self._state == _State.OPEN:
            self._write_close(b"" if code is None else close_payload(code))
        self._end()

    def _message(self, payload: bytes) -> None:
        try:
            self._handler.message(payload)  # type: ignore[union-attr]
        except Exception:
            _logger.exception("a message handler raised in message()")
            self.close(*_INTERNAL)

    def _text(self, payload: bytes) -> None:
        handler = self._handler
        try:
            if isinstance(handler, TakesText):
                handler.text(payload)
            elif handler is not None:
                handler.text_message()
        except Exception:
            _logger.exception("a message handler raised at a text message")
            self.close(*_INTERNAL)

    # Pings of the remote: answered together, once per read.

    def _queue_pong(self, payload: bytes) -> None:
        if self._state == _State.OPEN:
            self._pongs += control_frame(_PONG_OPCODE, payload)
            self.batch_pending = True

    def _flush_pongs(self) -> None:
        pongs, self._pongs = self._pongs, b""
        if not pongs or self._state != _State.OPEN:
            return
        self._transport.write(pongs)
        self._pong_debt = self._pong_debt + len(pongs) if self.buffered else 0
        if self._pong_debt > self._settings.unread_pong_max_bytes:
            self.abort()

    # What the parser and the transport call.

    def batch_done(self) -> None:
        self.batch_pending = False
        self._flush_pongs()
        self._refresh_plain()

    def parser_failed(self, code: int) -> None:
        self._fail(code, "a frame is too large" if code == 1009 else "not a frame of RFC 6455")

    def eof_received(self) -> None:
        if self._state < _State.ENDING:
            self._leave_open(_State.ENDING)
            self._arm_timer()

    def pause_writing(self) -> None:
        if self._handler is not None and self._state == _State.OPEN:
            self._handler.writing_paused()

    def resume_writing(self) -> None:
        if self._handler is not None and self._state == _State.OPEN:
            self._handler.writing_resumed()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._lost()

    # The parser.

    def _set_parser(self) -> None:
        settings = self._settings
        self._has_large_parser = False
        self._transport.set_protocol(
            new_parser(self, max_frame_bytes=settings.message_max_bytes, loop=self._loop)
        )

    def _shed_large_parser(self, frame: WSFrame) -> None:
        """Replace a parser that grew, at a moment when it holds no bytes of a next frame."""
        self._has_large_parser = True
        if frame.last_in_buffer and not frame.tail_size and self._state < _State.ENDING:
            self._set_parser()
