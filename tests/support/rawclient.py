"""A WebSocket client that can misbehave: sends any bytes, reads what comes, keeps the close code.

Written on asyncio streams alone (RFC 6455), so that it shares nothing with the server's own stack.
"""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.support import yproto
from tests.support.waiting import PATIENCE, Changes

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
#: Code for a connection that ended without a close frame (RFC 6455 §7.4.1).
ABNORMAL = 1006


class HandshakeRefused(Exception):
    """The upgrade was answered by something else than 101; `status` is that line."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Close:
    code: int
    reason: str = ""


def client_frame(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """A masked frame, as clients must send."""
    size = len(payload)
    head = bytes(((0x80 if fin else 0) | opcode,))
    if size < 126:
        head += bytes((0x80 | size,))
    elif size < 1 << 16:
        head += b"\xfe" + size.to_bytes(2, "big")
    else:
        head += b"\xff" + size.to_bytes(8, "big")
    mask = os.urandom(4)
    stream = (mask * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(size, "big")
    return head + mask + masked


class RawClient:
    """One WebSocket connection. Use `connect`, then `send`, `messages`, `wait_message`, `wait_closed`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._changes = Changes()
        self._partial = b""
        self.messages: list[bytes] = []
        self.closed: Close | None = None
        self.on_message: Callable[[bytes], None] | None = None
        self._task = asyncio.create_task(self._read(), name="raw client")

    @classmethod
    async def connect(cls, url: str, *, path: bytes | None = None, tls: ssl.SSLContext | None = None) -> Self:
        """Open `url`; `path` replaces its path and query by raw bytes. Raises HandshakeRefused, OSError.

        Where no `tls` is given for `wss`, any certificate will do.
        """
        parts = urlsplit(url)
        if tls is None and parts.scheme == "wss":
            tls = ssl._create_unverified_context()
        host, port = parts.hostname or "127.0.0.1", parts.port or 80
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(host, port, limit=1 << 26, ssl=tls)
            try:
                target = path if path is not None else (parts.path or "/").encode() + _query(parts.query)
                await _upgrade(reader, writer, target, f"{host}:{port}")
            except BaseException:
                writer.close()
                raise
        return cls(reader, writer)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.abort()

    def send(self, payload: bytes) -> None:
        """Send one binary message. Silent when the connection is gone: what counts is what came of it."""
        self.send_frame(BINARY, payload)

    def send_frame(self, opcode: int, payload: bytes, *, fin: bool = True) -> None:
        if not self._writer.is_closing():
            self._writer.write(client_frame(opcode, payload, fin=fin))

    def send_bytes(self, data: bytes) -> None:
        """Write bytes as they are, framed or not."""
        self._writer.write(data)

    def pause(self) -> None:
        """Stop reading from the socket, as a suspended tab does."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    async def drain(self) -> None:
        await self._writer.drain()

    @property
    def decoded(self) -> list[yproto.Message]:
        return [yproto.decode(message) for message in self.messages]

    async def wait_message(
        self,
        condition: Callable[[yproto.Message], bool],
        *,
        within: float = PATIENCE,
        after: int = 0,
        what: str = "message",
    ) -> yproto.Message:
        """The first message from number `after` on that fits. Raises WaitFailed."""

        def look() -> yproto.Message | None:
            fitting = (m for m in map(yproto.decode, self.messages[after:]) if condition(m))
            return next(fitting, None)

        return await self._changes.wait_for(look, within=within, what=what)

    async def until(
        self, condition: Callable[[], bool], *, within: float = PATIENCE, what: str = "condition"
    ) -> None:
        """Wait for something that a message or the end of the connection brings. Raises WaitFailed."""
        await self._changes.wait_for(condition, within=within, what=what)

    async def wait_closed(self, *, within: float = PATIENCE) -> Close:
        """How the connection ended. Raises WaitFailed when it does not end in time."""
        return await self._changes.wait_for(lambda: self.closed, within=within, what="close")

    async def close(self, code: int = 1000) -> None:
        """Leave politely: close handshake, then the end of the stream."""
        self.send_frame(CLOSE, code.to_bytes(2, "big"))
        await self.wait_closed()
        await self.abort()

    async def abort(self) -> None:
        """Drop the connection without a word. Idempotent."""
        transport = self._writer.transport
        # asyncio forgets to count the end of a transport that was closed with bytes still to write.
        if transport.get_protocol() is not None:
            transport.abort()
        await self._task

    async def _read(self) -> None:
        try:
            while self.closed is None:
                await self._read_frame()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.closed = self.closed or Close(ABNORMAL)
        finally:
            self._writer.close()
            self._changes.notify()

    async def _read_frame(self) -> None:
        first, second = await self._reader.readexactly(2)
        assert not second & 0x80, "a server must not mask its frames"
        size = second & 0x7F
        if size >= 126:
            size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8), "big")
        payload = await self._reader.readexactly(size) if size else b""
        self._take(first & 0x0F, payload, fin=bool(first & 0x80))

    def _take(self, opcode: int, payload: bytes, *, fin: bool) -> None:
        if opcode == PING:
            self.send_frame(PONG, payload)
        elif opcode == CLOSE:
            code = int.from_bytes(payload[:2], "big") if payload else 1005
            self.closed = Close(code, payload[2:].decode())
            self.send_frame(CLOSE, payload[:2])
        elif opcode in (BINARY, CONTINUATION, TEXT):
            self._partial += payload
            if fin:
                message, self._partial = self._partial, b""
                self.messages.append(message)
                if self.on_message is not None:
                    self.on_message(message)
        self._changes.notify()


def _query(query: str) -> bytes:
    return b"?" + query.encode() if query else b""


async def _upgrade(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: bytes, host: str
) -> None:
    key = base64.b64encode(os.urandom(16)).decode()
    head = (
        f" HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    writer.write(b"GET " + target + head.encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    status = answer.split(b"\r\n", 1)[0].decode("latin-1")
    if " 101 " not in f"{status} ":
        raise HandshakeRefused(status)
