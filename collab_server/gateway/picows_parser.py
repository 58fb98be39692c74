"""The one place that knows picows' private `WSProtocol`: here it parses frames, and nothing else.

picows would also answer the handshake, write to the file descriptor and close the connection. It is given a
transport that does none of this, so that every byte that goes out, and every close, is decided in
`websocket_fast`. Pinned to the version in `pyproject.toml`; `test_picows_parser.py` fails when its private
signature changes.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport
from picows.picows import WSAutoPingStrategy, WSProtocol  # type: ignore[attr-defined]

from collab_server.observability import Event, get_logger

CONTINUATION = WSMsgType.CONTINUATION
TEXT = WSMsgType.TEXT
BINARY = WSMsgType.BINARY
PING = WSMsgType.PING
PONG = WSMsgType.PONG
CLOSE = WSMsgType.CLOSE

#: picows starts with no less, and doubles its buffer whenever a read fills it. It never gives back.
READ_BUFFER_BYTES = 2048

#: Most bytes in one read, so that neither the buffer nor a turn of the loop grows with what the kernel holds:
#: one read of 4 MB would be 700,000 empty frames.
READ_BYTES = 16 * 1024

_HANDSHAKE = (
    b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


class FrameReceiver(WSListener):
    """What gets the frames of one connection. Must be alive as long as its parser."""

    __slots__ = ("batch_pending", "failure", "last_received")

    #: Loop time of the last bytes that came, of an unfinished frame too.
    last_received: float
    #: Set by the receiver while it wants `batch_done` after the frames of this read.
    batch_pending: bool
    #: The close code for which the remote's bytes are no longer read, else 0.
    failure: int

    @abstractmethod
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """One frame. `frame` is only valid during the call."""

    @abstractmethod
    def parser_failed(self, code: int) -> None:
        """The bytes are no frames; `code` is the close code for it. Comes after all good frames before it."""

    @abstractmethod
    def batch_done(self, read_bytes: int) -> None:
        """All frames of one read of so many bytes were delivered."""

    @abstractmethod
    def more_to_read(self) -> None:
        """A read filled its room, so more is there. Whoever is fair lets others go first."""

    @abstractmethod
    def eof_received(self) -> None:
        """The remote will send no more; the transport is closing."""


class FrameParser(WSProtocol):  # type: ignore[misc]
    """A buffered asyncio protocol that turns bytes into `on_ws_frame` calls of its receiver."""

    __slots__ = ("_receiver", "_room", "_time")

    _receiver: FrameReceiver
    _time: Callable[[], float]
    _room: int

    def get_buffer(self, size_hint: int) -> memoryview:
        room: memoryview = WSProtocol.get_buffer(self, size_hint)
        if len(room) > READ_BYTES:
            room = room[:READ_BYTES]
        self._room = len(room)
        return room

    def buffer_updated(self, nbytes: int) -> None:
        receiver = self._receiver
        receiver.last_received = self._time()
        WSProtocol.buffer_updated(self, nbytes)
        if receiver.batch_pending:
            receiver.batch_done(nbytes)
        if receiver.failure:
            receiver.parser_failed(receiver.failure)
        elif nbytes == self._room:
            receiver.more_to_read()

    def eof_received(self) -> bool:
        self._receiver.eof_received()
        return False

    def feed(self, data: memoryview) -> int:
        """Parse the first of `data`, as much as has room; how many bytes that was."""
        room = self.get_buffer(-1)
        count = min(len(room), len(data))
        room[:count] = data[:count]
        self.buffer_updated(count)
        return count


class _MuteTransport:
    """The transport and the socket that picows sees. It tells of failures and does nothing."""

    __slots__ = ("_receiver",)

    def __init__(self, receiver: FrameReceiver) -> None:
        self._receiver = receiver

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self if name == "socket" else default

    def get_write_buffer_size(self) -> int:
        return 1  # never 0, or picows would write to the file descriptor itself

    def write(self, data: bytes) -> None:
        """Either the answer to the made-up handshake, or the close frame of a parser that gives up."""
        if data[0] == 0x88:
            self._receiver.failure = int.from_bytes(data[2:4], "big")

    def close(self) -> None: ...

    def abort(self) -> None: ...

    def fileno(self) -> int:
        return -1

    def setsockopt(self, *_: object) -> None: ...

    def getsockopt(self, *_: object) -> int:
        return 0


class _MuteLog:
    """picows logs each connection and each fault of a remote; sessions are logged where they live."""

    def isEnabledFor(self, _level: int) -> bool:  # noqa: N802
        return False

    def log(self, *_: object, **__: object) -> None: ...

    debug = info = warning = error = log

    def exception(self, _message: str, *_: object) -> None:
        """An exception came out of a receiver, which is a fault of ours."""
        _log.exception(Event.CONNECTION_FAILED, where="frame")


_log = get_logger(__name__)
_MUTE_LOG = _MuteLog()


def new_parser(
    receiver: FrameReceiver, *, max_frame_bytes: int, loop: asyncio.AbstractEventLoop
) -> FrameParser:
    """A parser at the beginning of a frame. Must be called with `loop` running."""
    parser = FrameParser(*_arguments(receiver, max_frame_bytes))
    parser._receiver = receiver
    parser._time = loop.time
    parser.connection_made(_MuteTransport(receiver))
    parser.feed(memoryview(_HANDSHAKE))
    _forget_handshake(parser.transport)
    return parser


def _forget_handshake(transport: WSTransport) -> None:
    """picows keeps the handshake for ever; of a made-up one nobody needs the headers."""
    transport.request.headers.clear()
    transport.response.headers.clear()


def _arguments(receiver: FrameReceiver, max_frame_bytes: int) -> tuple[Any, ...]:
    """The 15 positional arguments of `WSProtocol.__init__` in picows 2.3.1."""
    return (
        None,  # host_port
        None,  # ws_path
        False,  # is_client_side
        lambda _request: receiver,  # ws_listener_factory
        _MUTE_LOG,  # logger
        False,  # disconnect_on_exception
        None,  # websocket_handshake_timeout
        False,  # enable_auto_ping
        None,  # auto_ping_idle_timeout
        None,  # auto_ping_reply_timeout
        WSAutoPingStrategy.PING_WHEN_IDLE,
        False,  # enable_auto_pong
        max_frame_bytes,
        None,  # extra_headers
        READ_BUFFER_BYTES,
    )
