"""When a parser that took a large frame is to be replaced: its buffer grew to that size and never shrinks.

Owns the rule; replacing is the connection's. Time is an argument.
"""

from __future__ import annotations

from picows import WSFrame

#: A parser that took a larger frame keeps a buffer of that size, so it is replaced by a new one …
_LARGE_FRAME_BYTES = 64 * 1024
#: … at once above this, else when no more such frames came for a while: in a room of hundreds every client
#: echoes the presence of all every other second, and a new parser costs as much as the echo.
_VERY_LARGE_FRAME_BYTES = 256 * 1024
_LARGE_FRAME_PAUSE_SECONDS = 5.0

_EVERY_FRAME = -1


class ParserSize:
    """What one connection's parser has grown to."""

    __slots__ = ("_large_until", "ask_above")

    def __init__(self) -> None:
        #: After a frame with a larger payload `is_to_go` is to be asked: after every one, once it has grown.
        self.ask_above = _LARGE_FRAME_BYTES
        self._large_until = 0.0

    def is_to_go(self, frame: WSFrame, now: float) -> bool:
        """Whether to replace the parser after this frame, when it holds no bytes of a next one.

        A silent client is pinged, so such a moment comes.
        """
        if frame.payload_size > _LARGE_FRAME_BYTES:
            self.ask_above = _EVERY_FRAME
            is_kept = frame.payload_size <= _VERY_LARGE_FRAME_BYTES
            self._large_until = now + _LARGE_FRAME_PAUSE_SECONDS if is_kept else 0.0
        if now < self._large_until:
            return False
        return bool(frame.last_in_buffer) and not frame.tail_size

    def renewed(self) -> None:
        """There is a new parser."""
        self.ask_above = _LARGE_FRAME_BYTES
