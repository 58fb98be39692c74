"""What goes out over one WebSocket of the fast path: whole frames, pairs, large messages and pongs, in order.

Owns the order, what waits (in the transport's buffer, behind a large message, or as pongs), the bounds of it,
and telling the handler when there is no room to write. Whether the connection is open is `websocket_fast`'s:
it says `end`, and from then on nothing is written. Knows nothing of what comes in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from collab_server.gateway import control_frames
from collab_server.gateway.control_frames import control_frame
from collab_server.gateway.fragmented import Fragmented
from collab_server.gateway.large_turns import LargeTurns
from collab_server.gateway.settings import GatewaySettings
from collab_server.runtime.connection import LargeMessage, MessageHandler

#: Of a large message, what may wait in the transport. It writes all of that at once when the socket drains,
#: which for fifty who join would be a long step.
_LARGE_HIGH_BYTES, _LARGE_LOW_BYTES = 128 * 1024, 32 * 1024


def _nowhere(data: bytes) -> None:
    """Takes what is sent after the end."""


class Outgoing:
    """The connection calls `write` itself for each frame: one call more would be a tenth of a frame's cost.

    Its end is `end`, then `let_go` when the transport is gone.
    """

    __slots__ = (
        "_is_asking", "_is_full", "_is_open", "_large", "_pong_debt", "_settings", "_transport", "_turns",
        "handler", "pongs", "write",
    )  # fmt: skip

    def __init__(self, transport: asyncio.Transport, *, settings: GatewaySettings, turns: LargeTurns) -> None:
        self._transport = transport
        self._settings = settings
        self._turns = turns
        #: Who is told of a full buffer, once there is somebody.
        self.handler: MessageHandler | None = None
        #: Takes the bytes of a whole frame: the transport, or what waits behind a large message, or nobody
        #: once the connection is no longer open.
        self.write: Callable[[bytes], object] = transport.write
        #: Answers to pings that wait for the end of a read, as bytes of the wire.
        self.pongs: bytearray | None = None
        self._pong_debt = 0
        #: A message that is sent in fragments, and what is to follow it.
        self._large: Fragmented | None = None
        #: Between the transport's `pause_writing` and `resume_writing`.
        self._is_full = False
        #: Whether its turn to write a fragment is to come.
        self._is_asking = False
        self._is_open = True
        transport.set_write_buffer_limits(settings.write_high_bytes, settings.write_low_bytes)

    @property
    def buffered(self) -> int:
        """Bytes that wait, here and in the transport."""
        waiting = 0 if self._large is None else self._large.bytes_left
        return self._transport.get_write_buffer_size() + waiting

    def write_both(self, one: bytes, two: bytes) -> None:
        """Two frames that are too large to be joined, in one system call where that is possible."""
        if self._large is not None:
            self.write(one)
            self.write(two)
        elif self._is_open:
            self._transport.writelines((one, two))

    def end(self) -> None:
        """Write nothing any more, and forget a large message that is under way."""
        self._is_open = False
        self.write = _nowhere
        self._large = None

    def let_go(self) -> None:
        """After `end`: drop what would keep the connection until the garbage collector runs."""
        self.handler = None
        del self._transport

    # --- room in the transport ---

    def pause(self) -> None:
        self._is_full = True
        if self.handler is not None and self._is_open and self._large is None:
            self.handler.writing_paused()

    def resume(self) -> None:
        self._is_full = False
        if self._large is not None:
            self._ask_to_write()
        elif self.handler is not None and self._is_open:
            self.handler.writing_resumed()

    # --- large messages ---

    def send_large(self, message: LargeMessage) -> None:
        if not self._is_open:
            return
        if self._large is not None:
            self._large.follow(message)
            return
        self._large = Fragmented(message)
        self.write = self._large.then
        self._transport.set_write_buffer_limits(_LARGE_HIGH_BYTES, _LARGE_LOW_BYTES)
        if self.handler is not None:
            self.handler.writing_paused()
        self._ask_to_write()

    def _ask_to_write(self) -> None:
        if not self._is_asking:
            self._is_asking = True
            self._turns.ask(self)

    def write_some(self) -> int | None:
        """Implements `large_turns.LargeWriter`."""
        large = self._large
        # Until the transport says that it is full: only then does it say when there is room again.
        if large is None or self._is_full:
            self._is_asking = False
            return 0
        header, payload = next(large, (b"", b""))
        if header:
            self._transport.write(header)
            self._transport.write(payload)
            return len(payload)
        self._is_asking = False
        self._end_large(large)
        return None

    def _end_large(self, large: Fragmented) -> None:
        self._large = None
        self.write = self._transport.write
        settings = self._settings
        self._transport.set_write_buffer_limits(settings.write_high_bytes, settings.write_low_bytes)
        for wire in large.after:
            if isinstance(wire, LargeMessage):
                self.send_large(wire)
            else:
                self.write(wire)
        # What was written just now can have filled the transport: then `resume` tells it.
        if self._large is None and not self._is_full and self.handler is not None and self._is_open:
            self.handler.writing_resumed()

    # --- pings of the remote, answered together ---

    def queue_pong(self, payload: bytes) -> None:
        if self.pongs is None:
            self.pongs = bytearray()
        self.pongs += control_frame(control_frames.PONG, payload)

    def flush_pongs(self) -> bool:
        """Write the pongs that wait. False if the remote leaves more of them unread than it may."""
        pongs, self.pongs = self.pongs, None
        if pongs is None or not self._is_open:
            return True
        self._transport.write(pongs)
        self._pong_debt = self._pong_debt + len(pongs) if self.buffered else 0
        return self._pong_debt <= self._settings.unread_pong_max_bytes
