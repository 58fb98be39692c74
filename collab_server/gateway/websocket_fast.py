"""The fast path: one WebSocket on a uvloop transport, its frames parsed by picows.

Owns whether the connection is open: the close handshake, what ends it, and the order of what comes in (RFC
6455 §5-§7). How bytes go out, and what of them waits, is `outgoing`'s; when a parser has grown too large is
`parser_size`'s. Knows nothing of rooms and sessions beyond the ports in `runtime.connection`.

A connection is open until the first of: our close, the remote's, a violation, an abort, the end of the
transport. From then on nothing is sent and no message is handed on. `disconnected` follows exactly once, when
the transport is gone, and a timer sees to it that it goes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import IntEnum

from picows import WSFrame, WSTransport

from collab_server.gateway import control_frames
from collab_server.gateway.control_frames import close_payload, control_frame
from collab_server.gateway.event_gate import EventGate
from collab_server.gateway.fragments import Message
from collab_server.gateway.frame_reader import FrameReader, Ping, RemoteClose
from collab_server.gateway.handler_calls import HandlerCalls
from collab_server.gateway.large_turns import LargeTurns
from collab_server.gateway.lingering import linger
from collab_server.gateway.outgoing import Outgoing
from collab_server.gateway.parser_size import ParserSize
from collab_server.gateway.picows_parser import BINARY, FrameParser, FrameReceiver, new_parser
from collab_server.gateway.settings import GatewaySettings
from collab_server.gateway.violations import TOO_BIG, FrameViolation
from collab_server.observability import Event, get_logger
from collab_server.protocol.close_codes import CloseReason
from collab_server.runtime.connection import Acceptor, Frame, LargeMessage, UpgradeRequest

_log = get_logger(__name__)

_PING_WIRE = control_frame(control_frames.PING)
_INTERNAL = CloseReason.INTERNAL.value

#: Two frames up to this size are joined before the write; above, copying costs more than gathering.
_JOIN_BYTES = 16 * 1024

#: What a remote may still send after our close before it is no longer parsed, however large a frame it began:
#: who was refused must not fill our memory while its own close is awaited.
_CLOSING_BYTES = 64 * 1024


class _State(IntEnum):
    OPEN = 0
    #: Our close is sent, the remote's is awaited.
    CLOSING = 1
    #: The transport is closing, lingering or aborted.
    ENDING = 2
    GONE = 3


_OPEN = _State.OPEN


class FastConnection(FrameReceiver):
    """Implements `runtime.connection.Connection`."""

    __slots__ = (
        "_calls", "_closing_bytes", "_gate", "_is_plain", "_loop", "_on_gone", "_out", "_parser_size",
        "_reader", "_remote_code", "_settings", "_state", "_timer", "_transport",
    )  # fmt: skip

    def __init__(
        self,
        transport: asyncio.Transport,
        *,
        loop: asyncio.AbstractEventLoop,
        settings: GatewaySettings,
        turns: LargeTurns,
        on_gone: Callable[[FastConnection], None],
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._settings = settings
        self._on_gone = on_gone
        self._out = Outgoing(transport, settings=settings, turns=turns)
        self._parser_size = ParserSize()
        #: None before `start`, and once the transport is gone.
        self._calls: HandlerCalls | None = None
        self._reader: FrameReader | None = None
        self._gate: EventGate[Message | RemoteClose] = EventGate(self._handle)
        self._state = _OPEN
        #: Whether a whole binary frame may go straight to the handler.
        self._is_plain = True
        self._closing_bytes = 0
        self._remote_code: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.batch_pending = False
        self.failure = 0
        self.last_received = loop.time()
        self._set_parser()

    def start(self, accept: Acceptor, request: UpgradeRequest) -> None:
        """Let `accept` give the handler. Call once, after the handshake was answered, before `feed`."""
        try:
            handler = self._out.handler = accept(self, request)
            self._calls = HandlerCalls(self, handler)
        except Exception:  # noqa: BLE001 - a mistake of ours ends one connection, not its neighbours
            _log.exception(Event.CONNECTION_FAILED, where="accept")
            self.close(*_INTERNAL)
        if self.buffered > self._settings.write_high_bytes:
            # What the acceptor wrote filled the buffer before there was a handler to be told.
            self.pause_writing()

    def feed(self, data: bytes) -> None:
        """Take bytes that were read before the connection had its transport."""
        rest = memoryview(data)
        while rest and self._state < _State.ENDING:
            parser = self._transport.get_protocol()
            assert isinstance(parser, FrameParser)
            rest = rest[parser.feed(rest) :]

    # --- writing: on uvloop a system call at once, as long as nothing is queued ---

    def send(self, frame: Frame) -> None:
        self._out.write(frame.wire)

    def send_pair(self, first: Frame, second: Frame) -> None:
        one, two = first.wire, second.wire
        if len(one) + len(two) <= _JOIN_BYTES:
            self._out.write(one + two)
        else:
            self._out.write_both(one, two)

    def send_large(self, message: LargeMessage) -> None:
        self._out.send_large(message)

    def ping(self) -> bool:
        if self._state is _OPEN:
            self._transport.write(_PING_WIRE)
        return True

    @property
    def buffered(self) -> int:
        return 0 if self._state is _State.GONE else self._out.buffered

    def pause_writing(self) -> None:
        self._out.pause()

    def resume_writing(self) -> None:
        self._out.resume()

    # --- the end ---

    def close(self, code: int, reason: str = "") -> None:
        if self._state is not _OPEN:
            return
        self._write_close(close_payload(code, reason))
        if self._state is not _OPEN:
            return  # the pongs before it were more than the remote may leave unread
        waiting = self._leave_open(_State.CLOSING)
        self._arm_timer()
        if waiting and isinstance(waiting[-1], RemoteClose):
            self._remote_closed(waiting[-1].code)
        else:
            self.batch_pending = True
            self._transport.resume_reading()

    def abort(self) -> None:
        if self._state < _State.GONE:
            self._leave_open(_State.ENDING)
            self._transport.abort()

    def parser_failed(self, code: int) -> None:
        self._fail(code, "a frame is too large" if code == TOO_BIG else "not a frame of RFC 6455")

    def eof_received(self) -> None:
        """The transport closes itself once it has written what waits; the remote may never read it."""
        if self._state < _State.ENDING:
            self._leave_open(_State.ENDING)
            self._arm_timer()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._lost()

    def _write_close(self, payload: bytes) -> None:
        self._flush_pongs()
        self._transport.write(control_frame(control_frames.CLOSE, payload))

    def _leave_open(self, state: _State) -> list[Message | RemoteClose]:
        """From now on nothing is handed on; what would have been, had reading not been paused."""
        self._state = state
        self._out.end()
        self._is_plain = False
        return self._gate.reset()

    def _arm_timer(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(self._settings.close_timeout_seconds, self.abort)

    def _remote_closed(self, code: int | None) -> None:
        """Both sides have said that they close, or do so now: the server closes the transport."""
        self._remote_code = code
        if self._state is _OPEN:
            self._write_close(b"" if code is None else close_payload(code))
        self._leave_open(_State.ENDING)
        self._arm_timer()
        self._transport.close()

    def _fail(self, code: int, reason: str) -> None:
        """Fail the connection (RFC 6455 §7.1.7): what comes after the violation is not read."""
        if self._state >= _State.ENDING:
            return
        self.failure = code
        if self._state is _OPEN:
            self._write_close(close_payload(code, reason))
        self._linger()

    def _count_after_close(self, read_bytes: int) -> None:
        self._closing_bytes += read_bytes
        if self._closing_bytes > _CLOSING_BYTES:
            self._linger()

    def _linger(self) -> None:
        """Read no more frames; the parser's buffer goes with it."""
        self._leave_open(_State.ENDING)
        linger(self._transport, seconds=self._settings.close_timeout_seconds, on_lost=self._lost)

    def _lost(self) -> None:
        if self._state is _State.GONE:
            return
        self._leave_open(_State.GONE)
        if self._timer is not None:
            self._timer.cancel()
        self._on_gone(self)
        calls, self._calls = self._calls, None
        # With the handler, what would keep this object until the garbage collector runs.
        del self._gate, self._transport
        self._out.let_go()
        if calls is not None:
            calls.disconnected(self._remote_code)

    # --- reading ---

    def pause_reading(self) -> None:
        """Hand nothing on until `resume_reading`; what the remote sent meanwhile follows then, in order."""
        if self._state is _OPEN:
            self._gate.shut()
            self._is_plain = False
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._state is not _OPEN or not self._gate.is_shut:
            return
        self._gate.open()
        if not self._gate.is_shut and self._state < _State.ENDING:
            self._refresh_plain()
            self._transport.resume_reading()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if (
            self._is_plain
            and frame.msg_type is BINARY
            and frame.fin
            and not (frame.rsv1 or frame.rsv2 or frame.rsv3)
        ):
            self._calls.message(frame.get_payload_as_bytes())  # type: ignore[union-attr]
        elif self._state < _State.ENDING:
            self._read(frame)
        size = self._parser_size
        if frame.payload_size > size.ask_above and size.is_to_go(frame, self.last_received):
            self._renew_parser()

    def _read(self, frame: WSFrame) -> None:
        """Any frame that is not the plain case."""
        if self._reader is None:
            self._reader = FrameReader(
                self._settings, keep_text=self._calls is not None and self._calls.takes_text
            )
        try:
            event = self._reader.read(frame)
        except FrameViolation as violation:
            self._fail(violation.code, violation.reason)
            return
        if isinstance(event, Ping):
            self._queue_pong(event.payload)
        elif event is not None:
            self._flush_pongs()
            self._gate.offer(event)
        self._refresh_plain()

    def _refresh_plain(self) -> None:
        self._is_plain = (
            self._state is _OPEN
            and not self._out.pongs
            and self._gate.is_clear
            and (self._reader is None or self._reader.is_idle)
        )

    def _handle(self, event: Message | RemoteClose) -> None:
        if isinstance(event, RemoteClose):
            self._remote_closed(event.code)
        elif self._state is not _OPEN or self._calls is None:
            return
        elif event.is_text:
            self._calls.text(event.payload)
        else:
            self._calls.message(event.payload)

    # --- pings of the remote, answered together, once per read ---

    def batch_done(self, read_bytes: int) -> None:
        if self._state is _State.CLOSING:
            self._count_after_close(read_bytes)
            return
        self.batch_pending = False
        self._flush_pongs()
        self._refresh_plain()

    def _queue_pong(self, payload: bytes) -> None:
        if self._state is _OPEN:
            self._out.queue_pong(payload)
            self.batch_pending = True

    def _flush_pongs(self) -> None:
        if not self._out.flush_pongs():
            self.abort()

    # --- the parser ---

    def more_to_read(self) -> None:
        """Go on in the next turn of the loop, after everybody else who is ready."""
        if self._state < _State.ENDING and not self._gate.is_shut:
            self._transport.pause_reading()
            self._loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        if self._state < _State.ENDING and not self._gate.is_shut:
            self._transport.resume_reading()

    def _set_parser(self) -> None:
        max_bytes = self._settings.message_max_bytes
        self._transport.set_protocol(new_parser(self, max_frame_bytes=max_bytes, loop=self._loop))

    def _renew_parser(self) -> None:
        if self._state < _State.ENDING:
            self._parser_size.renewed()
            self._set_parser()
