"""A gateway in the test's own loop, what its sessions were told, and clients that send any bytes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from collab_server.gateway.handshake import first_offered
from collab_server.gateway.http_handover import AsgiApp
from collab_server.gateway.listener import Listener, start_listener
from collab_server.gateway.settings import GatewaySettings
from collab_server.gateway.tls import load_context
from collab_server.runtime.connection import Connection, UpgradeRequest
from tests.support.certificates import Pair
from tests.support.rawclient import client_frame
from tests.support.waiting import PATIENCE, Changes

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
#: The answer to KEY (RFC 6455 §1.3).
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

UPGRADE = {
    "Host": "collab.test",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
}


def head(target: str = "/room", *, start: str = "", **changed: str | None) -> bytes:
    """A head that opens a WebSocket; `changed` headers (with _ for -) are set, or left out if None."""
    headers: dict[str, str | None] = dict(UPGRADE)
    for name, value in changed.items():
        wanted = name.replace("_", "-").lower()
        known = next((key for key in headers if key.lower() == wanted), wanted)
        headers[known] = value
    lines = [start or f"GET {target} HTTP/1.1", *(f"{n}: {v}" for n, v in headers.items() if v is not None)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


class Recorder:
    """A session that writes down what it is told."""

    def __init__(self, connection: Connection, request: UpgradeRequest) -> None:
        self.connection = connection
        self.request = request
        self.messages: list[bytes] = []
        self.texts = 0
        self.writing: list[str] = []
        self.ends: list[int | None] = []
        self.changes = Changes()
        self.on_message: Callable[[bytes], None] = lambda payload: None

    def message(self, payload: bytes) -> None:
        self.messages.append(payload)
        self.on_message(payload)
        self.changes.notify()

    def text_message(self) -> None:
        self.texts += 1
        self.changes.notify()

    def writing_paused(self) -> None:
        self.writing.append("paused")
        self.changes.notify()

    def writing_resumed(self) -> None:
        self.writing.append("resumed")
        self.changes.notify()

    def disconnected(self, code: int | None) -> None:
        self.ends.append(code)
        self.changes.notify()

    async def until(self, condition: Callable[[Recorder], Any], *, within: float = PATIENCE) -> None:
        await self.changes.wait_for(lambda: bool(condition(self)), within=within)

    async def end(self) -> int | None:
        """The code of `disconnected`."""
        await self.until(lambda me: me.ends)
        return self.ends[0]


async def hello_app(scope: Any, receive: Any, send: Any) -> None:
    """Answers with method and path, and with the length of the body."""
    size = 0
    while True:
        event = await receive()
        size += len(event.get("body", b""))
        if not event.get("more_body"):
            break
    text = f"{scope['method']} {scope['path']} {size}".encode()
    headers = [(b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})


class Gateway:
    """A listener, and the sessions that came through it."""

    def __init__(self) -> None:
        self.listener: Listener
        self.sessions: list[Recorder] = []
        self.peers: list[Peer] = []
        self.changes = Changes()
        self.on_accept: Callable[[Recorder], None] = lambda session: None
        #: How clients connect; None: without TLS.
        self.client_tls: ssl.SSLContext | None = None

    def accept(self, connection: Connection, request: UpgradeRequest) -> Recorder:
        session = Recorder(connection, request)
        self.sessions.append(session)
        self.on_accept(session)
        self.changes.notify()
        return session

    async def session(self, number: int = 0) -> Recorder:
        await self.changes.wait_for(lambda: len(self.sessions) > number)
        return self.sessions[number]

    async def connect(self, *, limit: int = 1 << 20) -> Peer:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.listener.port, limit=limit, ssl=self.client_tls
        )
        self.peers.append(Peer(reader, writer))
        return self.peers[-1]

    async def open(self, request: bytes | None = None) -> tuple[Peer, Recorder]:
        """A client with an open WebSocket, and its session."""
        number = len(self.sessions)
        peer = await self.connect()
        peer.write(head() if request is None else request)
        answer = await peer.answer()
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        return peer, await self.session(number)


@dataclass(frozen=True, slots=True)
class TlsEnds:
    """What each side takes for a handshake; made before the loop runs, as it reads files."""

    server: ssl.SSLContext
    client: ssl.SSLContext

    @staticmethod
    def of(pair: Pair) -> TlsEnds:
        return TlsEnds(load_context(pair.cert, pair.key), pair.client_context())


#: Lines of the server's log, as `structlog.testing` gives them.
Logged = list[MutableMapping[str, Any]]

StartGateway = Callable[..., Awaitable[Gateway]]


class Peer:
    """The client's side of one TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def write(self, data: bytes) -> None:
        self.writer.write(data)

    def send(self, payload: bytes, *, opcode: int = 2, fin: bool = True) -> None:
        self.write(client_frame(opcode, payload, fin=fin))

    async def answer(self) -> bytes:
        """The head of an HTTP answer."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def all(self) -> bytes:
        """Everything until the remote closes."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read()

    async def frame(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame, which must be final and unmasked."""
        async with asyncio.timeout(PATIENCE):
            first, second = await self.reader.readexactly(2)
            assert first & 0x80
            assert not second & 0x80
            size = second & 0x7F
            if size >= 126:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
            return first & 0x0F, await self.reader.readexactly(size)

    async def closed(self) -> tuple[int | None, str]:
        """Code and reason of the close frame that is next; the end of the stream must follow the echo."""
        opcode, payload = await self.frame()
        assert opcode == 8, (opcode, payload[:100])
        self.send(payload[:2], opcode=8)
        assert await self.all() == b""
        await self.drop()
        return (int.from_bytes(payload[:2], "big") if payload else None), payload[2:].decode()

    def end(self) -> None:
        """Say that no more will be written; without TLS, which cannot, go on reading."""
        if self.writer.can_write_eof():
            self.writer.write_eof()
        else:
            self.writer.close()

    async def drop(self) -> None:
        """End the connection without a word. Happens to every peer at the end of its test."""
        self.writer.transport.abort()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            pass  # the remote was first

    def stop_reading(self) -> None:
        self.writer.transport.pause_reading()  # type: ignore[attr-defined]

    def go_on_reading(self) -> None:
        self.writer.transport.resume_reading()  # type: ignore[attr-defined]


@asynccontextmanager
async def open_gateway(
    *, app: AsgiApp = hello_app, choose: Any = first_offered, tls: TlsEnds | None = None, **settings: Any
) -> AsyncIterator[Gateway]:
    """A gateway on a free port with these fields of `GatewaySettings`."""
    gateway = Gateway()
    if tls is not None:
        gateway.client_tls = tls.client
    gateway.listener = await start_listener(
        host="127.0.0.1",
        port=0,
        acceptor=gateway.accept,
        asgi_app=app,
        settings=GatewaySettings(**settings),
        choose_subprotocol=choose,
        tls=None if tls is None else lambda: tls.server,
    )
    try:
        yield gateway
    finally:
        for peer in gateway.peers:
            await peer.drop()
        await gateway.listener.close()
        assert gateway.listener.connections == 0
