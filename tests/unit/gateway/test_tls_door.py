"""From TCP to TLS on the port: bounded, counted, and with true figures of what waits to be sent."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

import pytest

from collab_server.runtime.connection import Frame
from tests.support.rawclient import client_frame
from tests.unit.gateway.wiring import Gateway, Logged, Peer, StartGateway, TlsEnds, head

pytestmark = pytest.mark.parametrize("start_gateway", ["tls"], indirect=True)

GET = b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n"
Condition = Callable[[], bool]


async def until(condition: Condition) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - counts wake nobody
            await asyncio.sleep(0.001)


async def plain(gateway: Gateway) -> Peer:
    """A client that does not begin with TLS."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.listener.port)
    gateway.peers.append(Peer(reader, writer))
    return gateway.peers[-1]


async def test_websocket_and_http_share_the_port(gateway: Gateway) -> None:
    browser = await gateway.connect()
    browser.write(GET)
    assert (await browser.answer()).startswith(b"HTTP/1.1 200 ")
    peer, session = await gateway.open()
    peer.send(b"hello")
    await session.until(lambda me: me.messages == [b"hello"])
    assert session.request.remote == "127.0.0.1"


async def test_an_upgrade_on_a_connection_that_has_served_http(gateway: Gateway) -> None:
    peer = await gateway.connect()
    peer.write(GET + head("/late") + client_frame(2, b"x" * 100_000))
    assert (await peer.answer()).startswith(b"HTTP/1.1 200 ")
    assert await peer.reader.readexactly(11) == b"GET /page 0"
    assert (await peer.answer()).startswith(b"HTTP/1.1 101 ")
    session = await gateway.session()
    await session.until(lambda me: me.messages == [b"x" * 100_000])


async def test_a_refusal_is_read_to_its_end(gateway: Gateway) -> None:
    peer = await gateway.connect()
    peer.write(head(Sec_WebSocket_Version="8") + b"x" * 100_000)
    assert (await peer.all()).startswith(b"HTTP/1.1 426 ")


async def test_http_1_1_alone_is_agreed_on(gateway: Gateway) -> None:
    assert gateway.client_tls is not None
    gateway.client_tls.set_alpn_protocols(["h2", "http/1.1"])
    peer = await gateway.connect()
    agreed = peer.writer.get_extra_info("ssl_object")
    assert agreed.selected_alpn_protocol() == "http/1.1"
    assert agreed.version() == "TLSv1.3"


async def test_one_who_speaks_no_tls_is_told(gateway: Gateway) -> None:
    peer = await plain(gateway)
    peer.write(GET)
    answer = await peer.all()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"use https:// or wss://" in answer
    await peer.drop()
    await until(lambda: gateway.listener.connections == 0)


async def test_garbage_after_the_first_byte(gateway: Gateway, logged: Logged) -> None:
    peer = await plain(gateway)
    peer.write(b"\x16\x03\x01\x00\x05hello" * 10)
    await peer.all()
    await until(lambda: gateway.listener.connections == 0)
    assert gateway.listener.counts.failed_handshakes == 1
    assert logged == []


@pytest.mark.parametrize("sent", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"])
async def test_a_handshake_that_never_ends_is_dropped_in_time(
    start_gateway: StartGateway, sent: bytes, logged: Logged
) -> None:
    gateway = await start_gateway(head_timeout_seconds=0.1)
    peer = await plain(gateway)
    peer.write(sent)
    assert await peer.all() == b""
    await until(lambda: gateway.listener.connections == 0)
    assert logged == []


@pytest.mark.parametrize("sent", [b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"])
async def test_one_who_leaves_in_the_middle(gateway: Gateway, sent: bytes, logged: Logged) -> None:
    peer = await plain(gateway)
    peer.write(sent)
    await until(lambda: gateway.listener.connections == 1)
    peer.end()
    await until(lambda: gateway.listener.connections == 0)
    assert gateway.listener.counts.failed_handshakes == 1
    assert logged == []


class BareClient:
    """TLS by hand on a TCP connection, for what goes over it in which pieces, and what waits."""

    def __init__(self, peer: Peer, context: ssl.SSLContext) -> None:
        self.peer = peer
        self._received, self._sent = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._received, self._sent, server_hostname="127.0.0.1")

    async def shake_hands(self) -> None:
        async with asyncio.timeout(10):
            while True:
                try:
                    self._tls.do_handshake()
                except ssl.SSLWantReadError:
                    await self.send_pieces()
                    self._received.write(await self.peer.reader.read(65_536))
                else:
                    return

    def encrypt(self, data: bytes) -> None:
        self._tls.write(data)

    async def send_pieces(self) -> None:
        """What is encrypted, seven bytes at a time."""
        data = self._sent.read()
        for start in range(0, len(data), 7):
            self.peer.write(data[start : start + 7])
            await asyncio.sleep(0)

    def send(self) -> None:
        self.peer.write(self._sent.read())


async def test_a_hello_in_pieces(gateway: Gateway, tls_ends: TlsEnds) -> None:
    """The first byte comes before the protocol that shakes hands; none may be lost or come out of order."""
    client = BareClient(await plain(gateway), tls_ends.client)
    await client.shake_hands()
    client.encrypt(head())
    await client.send_pieces()
    assert (await gateway.session()).request.path == b"/room"


async def test_a_peer_is_pushed_back_by_tcp(gateway: Gateway, tls_ends: TlsEnds) -> None:
    """A session that reads nothing makes the kernel wait, not our memory grow."""
    client = BareClient(await plain(gateway), tls_ends.client)
    await client.shake_hands()
    client.encrypt(head())
    client.send()
    session = await gateway.session()
    session.connection.pause_reading()
    client.peer.writer.transport.set_write_buffer_limits(high=0)
    for _ in range(100):
        client.encrypt(client_frame(2, b"x" * 1_000_000))
        client.send()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await client.peer.writer.drain()
    assert session.messages == []

    session.connection.resume_reading()
    await session.until(lambda me: len(me.messages) == 100)


async def test_over_the_cap_no_hands_are_shaken(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(max_connections=1, http_reserve=0)
    await gateway.open()
    with pytest.raises(OSError):
        await gateway.connect()
    assert gateway.listener.counts.over_cap == 1


async def test_closing_ends_handshakes(gateway: Gateway) -> None:
    silent, half = await plain(gateway), await plain(gateway)
    half.write(b"\x16\x03")
    await until(lambda: gateway.listener.connections == 2)
    await gateway.listener.close(grace_seconds=0.1)
    assert gateway.listener.connections == 0
    await silent.drop()


async def test_what_waits_is_counted_though_it_is_encrypted(start_gateway: StartGateway) -> None:
    """Story: uvloop reports 0 bytes for 20 MB that wait in the TCP transport under the TLS one; a slow reader
    then looked like one that takes nothing, and was closed."""
    gateway = await start_gateway(write_high_bytes=1_000_000, write_low_bytes=250_000)
    peer, session = await gateway.open()
    peer.stop_reading()
    session.connection.send(Frame(b"x" * 20_000_000))
    session.connection.send(Frame(b"y"))
    assert session.connection.buffered > 10_000_000
    assert session.writing == ["paused"]

    peer.go_on_reading()
    seen = session.connection.buffered
    await until(lambda: session.connection.buffered < seen)
    assert session.writing == ["paused"]
    assert await peer.frame() == (2, b"x" * 20_000_000)
    assert await peer.frame() == (2, b"y")
    await session.until(lambda me: me.writing == ["paused", "resumed"])


async def test_new_handshakes_take_the_context_of_their_moment(
    start_gateway: StartGateway, tls_ends: TlsEnds
) -> None:
    gateway = await start_gateway()
    peer, session = await gateway.open()
    refusing = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # without any certificate
    gateway.listener._tls = lambda: refusing
    with pytest.raises(OSError):
        await gateway.connect()
    session.connection.send(Frame(b"still here"))
    assert await peer.frame() == (2, b"still here")
    gateway.listener._tls = lambda: tls_ends.server
    await gateway.open()
