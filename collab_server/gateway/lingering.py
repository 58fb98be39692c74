"""Ending a connection so that the last bytes sent reach the remote.

Closing a socket that holds unread bytes makes the kernel send a reset, and the reset can overtake the answer
that says why. So: send, half-close, read and forget until the remote closes too, within a deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Lingering(asyncio.Protocol):
    """Throws away what still comes. The transport closes when the remote does, or at the deadline."""

    __slots__ = ("_on_lost", "_timer")

    def __init__(self, transport: asyncio.Transport, *, seconds: float, on_lost: Callable[[], None]) -> None:
        self._on_lost = on_lost
        self._timer = asyncio.get_running_loop().call_later(seconds, transport.abort)

    def data_received(self, data: bytes) -> None: ...

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self._on_lost()


def linger(transport: asyncio.Transport, *, seconds: float, on_lost: Callable[[], None]) -> None:
    """Half-close `transport` after what it still has to write. `on_lost` is called once, when it is gone."""
    transport.set_protocol(Lingering(transport, seconds=seconds, on_lost=on_lost))
    if transport.is_closing():
        return
    transport.resume_reading()
    end_writing(transport)


def end_writing(transport: asyncio.Transport) -> None:
    """Say that nothing more comes after what is written, and go on reading.

    TLS has no half-close; its transports, when closed, read and forget until the remote closes too.
    """
    if transport.can_write_eof():
        transport.write_eof()
    else:
        transport.close()
