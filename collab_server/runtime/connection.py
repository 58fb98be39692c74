"""The ports between a connection and the session that lives on it.

The gateway implements `Connection` once for each way bytes travel (fast path, ASGI); `runtime.session`
implements `MessageHandler`. Neither knows more of the other than what stands here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


class Frame:
    """One WebSocket message on its way out, framed once however many sockets it goes to.

    `wire` is the unmasked server frame (RFC 6455 §5.2); `payload` the message inside it.
    """

    __slots__ = ("_start", "wire")

    def __init__(self, payload: bytes) -> None:
        header = frame_header(len(payload))
        self._start = len(header)
        self.wire = header + payload

    @property
    def payload(self) -> bytes:
        return self.wire[self._start :]

    def __len__(self) -> int:
        return len(self.wire)


def frame_header(size: int) -> bytes:
    """Header of one final binary server frame with a payload of `size` bytes (RFC 6455 §5.2)."""
    if size < 126:
        return bytes((0x82, size))
    if size < 1 << 16:
        return b"\x82\x7e" + size.to_bytes(2, "big")
    return b"\x82\x7f" + size.to_bytes(8, "big")


#: A message over this is not joined but sent in fragments; joining 50 MB holds the loop for 20 to 40 ms.
LARGE_BYTES = 1 << 20


#: Joining holds the interpreter where pieces are views; between parts of this size others get it.
_PART_BYTES = 1 << 19


class LargeMessage:
    """A WebSocket message in pieces that are shared by many; `pieces` are not to be changed."""

    __slots__ = ("_joined", "_joining", "pieces", "size_bytes")

    def __init__(self, pieces: Sequence[bytes | memoryview]) -> None:
        self.pieces = pieces
        self.size_bytes = sum([len(piece) for piece in pieces])
        self._joined: bytes | None = None
        self._joining = asyncio.Lock()

    def __len__(self) -> int:
        return self.size_bytes

    @property
    def joined_bytes(self) -> int:
        """What `joined` keeps in memory."""
        return 0 if self._joined is None else self.size_bytes

    async def joined(self) -> bytes:
        """All of it in one: joined once, off the loop, for all who send it, and kept as long as the message.

        Safe to cancel; whoever waits as well goes on.
        """
        async with self._joining:
            if self._joined is None:
                self._joined = await asyncio.to_thread(_join, self.pieces)
            return self._joined


def _join(pieces: Sequence[bytes | memoryview]) -> bytes:
    parts: list[bytes] = []
    waiting: list[bytes | memoryview] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= _PART_BYTES:
            parts.append(b"".join(waiting))
            waiting, size = [], 0
    # Of bytes alone, and over a megabyte, `join` lets others run.
    return b"".join([*parts, b"".join(waiting)])


@dataclass(frozen=True, slots=True)
class UpgradeRequest:
    """What the handshake of a WebSocket said. `path` is the raw target without the query, still encoded."""

    path: bytes
    query: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    remote: str = ""


class Connection(Protocol):
    """The writing side of one WebSocket. Every call is synchronous and safe after the connection is gone."""

    def send(self, frame: Frame) -> None:
        """Write one message. Nothing is dropped: what the socket does not take is buffered."""

    def send_pair(self, first: Frame, second: Frame) -> None:
        """Write two messages with one system call where the transport can."""

    def send_large(self, message: LargeMessage) -> None:
        """Write a message piece by piece, as the socket takes it; what is sent meanwhile follows after it.

        The handler is told `writing_paused` at once, and `writing_resumed` once all of it was taken.
        """

    def ping(self) -> bool:
        """Send a WebSocket ping; an answer shows in `last_received`. False where pongs are not seen."""

    def close(self, code: int, reason: str = "") -> None:
        """Start the close handshake. Idempotent: the first reason wins. Bounded in time."""

    def abort(self) -> None:
        """Drop the connection at once, without a close handshake."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    @property
    def buffered(self) -> int:
        """Bytes sent but not yet taken by the operating system, of a large message too."""

    @property
    def failure(self) -> int:
        """Close code for a remote that broke RFC 6455 or a size limit, else 0; set before `disconnected`."""

    @property
    def last_received(self) -> float:
        """Loop time at which the last bytes (data or control) came from the remote."""


class MessageHandler(Protocol):
    """What a connection calls, always on the event loop, never concurrently."""

    def message(self, payload: bytes) -> None:
        """One complete binary message, fragments joined."""

    def text_message(self) -> None:
        """A text message came; our endpoints are binary."""

    def writing_paused(self) -> None:
        """The outgoing buffer passed its high-water mark."""

    def writing_resumed(self) -> None:
        """The outgoing buffer drained."""

    def disconnected(self, code: int | None) -> None:
        """The connection is gone. Called exactly once. `code` is the remote's close code, if it sent one."""


#: Called by the gateway once a WebSocket handshake is complete; the answer receives its messages.
Acceptor = Callable[[Connection, UpgradeRequest], MessageHandler]
