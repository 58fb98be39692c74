"""One large message on its way out, fragment by fragment (RFC 6455 §5.4), and what waits behind it. Pure.

Owns how it is cut; when fragments are written is the connection's. Small pieces are joined, large ones
neither joined nor copied: many connections send the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from collab_server.runtime.connection import LargeMessage

#: Pieces are joined up to this size, and cut above it.
FRAGMENT_BYTES = 128 * 1024

_FIRST, _CONTINUED, _LAST = 0x02, 0x00, 0x80

Buffer = bytes | memoryview


class Fragmented(Iterator[tuple[bytes, Buffer]]):
    """Iterating gives (frame header, payload), each once. `after` is to be sent when it has ended."""

    __slots__ = ("_payloads", "_started", "after", "bytes_left")

    def __init__(self, message: LargeMessage) -> None:
        self.after: list[bytes | LargeMessage] = []
        self.bytes_left = message.size_bytes
        self._payloads = _payloads(message)
        self._started = False

    def __next__(self) -> tuple[bytes, Buffer]:
        payload = next(self._payloads)
        self.bytes_left -= len(payload)
        opcode = _CONTINUED if self._started else _FIRST
        self._started = True
        return _header(opcode | (0 if self.bytes_left else _LAST), len(payload)), payload

    def then(self, wire: bytes) -> None:
        """Send a whole frame afterwards. Few: nothing is read from a remote that is being written to."""
        self.after.append(wire)

    def follow(self, message: LargeMessage) -> None:
        self.after.append(message)


def _payloads(message: LargeMessage) -> Iterator[Buffer]:
    """The message's bytes in payloads of about `FRAGMENT_BYTES`, none of them empty."""
    small: list[Buffer] = []
    size = 0
    for piece in message.pieces:
        if size and size + len(piece) > FRAGMENT_BYTES:
            yield b"".join(small)
            small, size = [], 0
        if len(piece) > FRAGMENT_BYTES:
            view = memoryview(piece)
            yield from (view[at : at + FRAGMENT_BYTES] for at in range(0, len(view), FRAGMENT_BYTES))
        elif len(piece):
            small.append(piece)
            size += len(piece)
    if size:
        yield b"".join(small)


def _header(first: int, size: int) -> bytes:
    if size < 126:
        return bytes((first, size))
    if size < 1 << 16:
        return bytes((first, 126)) + size.to_bytes(2, "big")
    return bytes((first, 127)) + size.to_bytes(8, "big")
