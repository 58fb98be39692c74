"""The one port: where each connection goes, how long it may take, what is answered if nowhere."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator

import pytest

from collab_server.gateway.handshake import SubprotocolChoice
from collab_server.gateway.listener import start_listener
from collab_server.gateway.settings import GatewaySettings
from collab_server.gateway.sockets import ListenError
from collab_server.runtime.connection import Frame
from tests.support.rawclient import client_frame
from tests.unit.gateway.test_sockets import needs_ipv6
from tests.unit.gateway.wiring import ACCEPT, Gateway, Peer, StartGateway, head, hello_app

GET = b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n"


async def served(gateway: Gateway) -> None:
    """The gateway still serves others."""
    peer, session = await gateway.open()
    session.connection.send(Frame(b"still here"))
    assert await peer.frame() == (2, b"still here")
    await peer.drop()


async def refusal(peer: Peer) -> tuple[int, str, bytes]:
    """Status, sentence and the head of an answer that is the last one on its connection."""
    answer = await peer.all()
    await peer.drop()
    start, _, body = answer.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}\r\n".encode() in start
    assert b"\r\nConnection: close" in start
    assert body.endswith(b".\n")
    return int(start.split(b" ")[1]), body.decode(), start


class TestHandOver:
    async def test_websocket_and_http_share_the_port(self, gateway: Gateway) -> None:
        browser = await gateway.connect()
        browser.write(GET)
        assert (await browser.answer()).startswith(b"HTTP/1.1 200 ")
        assert await browser.reader.readexactly(11) == b"GET /page 0"
        _, session = await gateway.open(head("/a%20b/c?x=1"))

        assert session.request.path == b"/a%20b/c"
        assert session.request.query == b"x=1"
        assert session.request.remote == "127.0.0.1"
        assert (gateway.listener.counts.http, gateway.listener.counts.websockets) == (1, 1)
        assert gateway.listener.connections == 2

    async def test_the_answer_to_a_handshake(self, gateway: Gateway) -> None:
        peer = await gateway.connect()
        peer.write(head())

        assert f"Sec-WebSocket-Accept: {ACCEPT}\r\n".encode() in await peer.answer()

    async def test_one_byte_at_a_time(self, gateway: Gateway) -> None:
        peer = await gateway.connect()
        peer.writer.transport.set_write_buffer_limits(0)
        for byte in head("/slow") + client_frame(2, b"hello"):
            peer.write(bytes((byte,)))
            await asyncio.sleep(0)

        assert (await peer.answer()).startswith(b"HTTP/1.1 101 ")
        session = await gateway.session()
        await session.until(lambda me: me.messages == [b"hello"])
        assert session.request.path == b"/slow"

    async def test_frames_in_the_same_packet_as_the_head(self, gateway: Gateway) -> None:
        frames = client_frame(2, b"one") + client_frame(2, b"x" * 10_000) + client_frame(2, b"three")[:-2]
        peer, session = await gateway.open(head() + frames)

        await session.until(lambda me: me.messages == [b"one", b"x" * 10_000])
        peer.send(b"", opcode=9)  # is swallowed as the end of the third message
        await session.until(lambda me: len(me.messages) == 3)

    async def test_a_violation_in_the_same_packet_as_the_head(self, gateway: Gateway) -> None:
        peer, session = await gateway.open(head() + b"\x82\x01a" + client_frame(2, b"x" * 5000))

        assert await peer.closed() == (1002, "not a frame of RFC 6455")
        assert await session.end() is None
        assert session.messages == []
        assert gateway.listener.counts.violations == {1002: 1}

    async def test_a_session_that_closes_while_it_is_accepted(self, gateway: Gateway) -> None:
        gateway.on_accept = lambda session: session.connection.close(4401, "who?")
        peer, session = await gateway.open(head() + client_frame(2, b"one"))

        assert await peer.closed() == (4401, "who?")
        assert await session.end() == 4401
        assert session.messages == []

    async def test_firefox(self, gateway: Gateway) -> None:
        await gateway.open(head(Connection="keep-alive, Upgrade"))

    async def test_an_absolute_target(self, gateway: Gateway) -> None:
        _, session = await gateway.open(head("http://proxy.test/a/b?c"))
        assert (session.request.path, session.request.query) == (b"/a/b", b"c")

    async def test_http_1_0(self, gateway: Gateway) -> None:
        peer = await gateway.connect()
        peer.write(b"GET /old HTTP/1.0\r\nX-Empty:\r\n\r\n")

        assert (await peer.all()).endswith(b"\r\n\r\nGET /old 0")

    async def test_an_empty_line_before_the_request(self, gateway: Gateway) -> None:
        peer = await gateway.connect()
        peer.write(b"\r\n" + GET)

        assert (await peer.answer()).startswith(b"HTTP/1.1 200 ")

    @pytest.mark.parametrize(
        ("choose", "answer"), [(lambda offered: offered[-1], b": b\r\n"), (lambda offered: None, None)]
    )
    async def test_the_subprotocol_is_chosen_by_the_hook(
        self, start_gateway: StartGateway, choose: SubprotocolChoice, answer: bytes | None
    ) -> None:
        gateway = await start_gateway(choose=choose)
        peer = await gateway.connect()
        peer.write(head(Sec_WebSocket_Protocol="a, b"))

        start = await peer.answer()
        assert (b"Sec-WebSocket-Protocol" + (answer or b"") in start) == (answer is not None)


class TestRefusals:
    @pytest.mark.parametrize(
        ("request_bytes", "status"),
        [
            (b"nonsense\r\n\r\n", 400),
            (b"GET / HTTP/1.1\n\n", 400),
            (b"GET / HTTP/1.1\r\n\r\n", 400),
            (b"\x16\x03\x01\x02\x00", 400),
            (b"GET /" + b"a" * 20_000, 414),
            (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 20_000, 431),
            (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 128 + b"\r\n", 431),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
            (head(Sec_WebSocket_Version="8"), 426),
            (head(Connection="close"), 426),
            (head(start="POST /a HTTP/1.1"), 405),
            (head(Sec_WebSocket_Key="short"), 400),
        ],
    )
    async def test_each_has_its_status_and_a_sentence(
        self, gateway: Gateway, request_bytes: bytes, status: int
    ) -> None:
        peer = await gateway.connect()
        peer.write(request_bytes)

        assert (await refusal(peer))[0] == status
        assert gateway.listener.counts.refused == {status: 1}
        await served(gateway)

    async def test_the_version_to_use_is_named(self, gateway: Gateway) -> None:
        peer = await gateway.connect()
        peer.write(head(Sec_WebSocket_Version="8"))

        assert b"\r\nSec-WebSocket-Version: 13" in (await refusal(peer))[2]

    async def test_the_answer_reaches_a_client_that_is_still_sending(self, gateway: Gateway) -> None:
        """Closing at once would send a reset, which throws the answer away."""
        peer = await gateway.connect()
        peer.write(b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 5_000_000)

        assert (await refusal(peer))[0] == 431

    async def test_a_refused_client_that_stays_is_dropped(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(close_timeout_seconds=0.05)
        peer = await gateway.connect()
        peer.write(b"nonsense\r\n\r\n")
        await peer.answer()
        await gateway.listener._quiet.wait()

        assert gateway.listener.connections == 0


class TestTime:
    async def test_a_head_that_is_not_complete_in_time(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(head_timeout_seconds=0.1)
        peer = await gateway.connect()
        peer.write(b"GET / HTTP/1.1\r\nHo")

        assert (await refusal(peer))[0] == 408
        assert gateway.listener.counts.timed_out == 1

    async def test_a_silent_connection_is_closed_without_a_word(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(head_timeout_seconds=0.05)
        peer = await gateway.connect()

        assert await peer.all() == b""
        assert gateway.listener.counts.refused == {}

    async def test_bytes_that_drip_in_do_not_buy_time(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(head_timeout_seconds=0.3)
        peer = await gateway.connect()
        loop = asyncio.get_running_loop()
        began = loop.time()

        async def drip() -> None:
            while not peer.reader.at_eof() and loop.time() < began + 10:
                peer.write(b"A")
                await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        status, _, _ = await refusal(peer)
        await dripping

        assert status == 408
        assert loop.time() - began < 5

    async def test_no_deadline_of_the_head_strikes_later(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(head_timeout_seconds=0.05)
        peer, session = await gateway.open()
        await asyncio.sleep(0.1)  # the deadline passes

        session.connection.send(Frame(b"x"))
        assert await peer.frame() == (2, b"x")


@pytest.fixture
def many_files() -> Iterator[None]:
    """Room for some thousand descriptors in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096) if hard > 0 else 4096, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class TestMany:
    async def test_500_half_sent_handshakes_hinder_nobody(
        self, many_files: None, start_gateway: StartGateway
    ) -> None:
        gateway = await start_gateway(head_timeout_seconds=1.5)
        peers = [await gateway.connect() for _ in range(500)]
        for peer in peers:
            peer.write(head()[:-2])
        await served(gateway)
        assert gateway.listener.connections >= 500

        answers = [(await refusal(peer))[0] for peer in peers]

        assert answers == [408] * 500
        await served(gateway)

    async def test_counts_return_to_zero_after_abrupt_ends(self, gateway: Gateway) -> None:
        for number in range(200):
            peer = await gateway.connect()
            peer.write((b"", b"GET / HT", head(), head() + b"\x82")[number % 4])
            await peer.writer.drain()
            await peer.drop()
        await asyncio.wait_for(gateway.listener._quiet.wait(), 10)

        assert gateway.listener.connections == 0
        assert not gateway.listener._waiting
        assert not gateway.listener._websockets

    async def test_upgrades_over_the_cap_are_told_to_come_back(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(max_connections=1, http_reserve=10)
        await gateway.open()
        second = await gateway.connect()
        second.write(head())

        status, _, start = await refusal(second)

        assert status == 503
        assert b"\r\nRetry-After: " in start
        assert gateway.listener.counts.over_cap == 1

    async def test_http_takes_no_places_of_websockets(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(max_connections=1, http_reserve=10)
        for _ in range(5):
            peer = await gateway.connect()
            peer.write(GET)
            assert (await peer.answer()).startswith(b"HTTP/1.1 200 ")
        await gateway.open()
        assert gateway.listener.websockets == 1

    async def test_health_is_answered_over_the_cap(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(max_connections=1, http_reserve=10)
        await gateway.open()
        second = await gateway.connect()
        second.write(GET)

        assert (await second.answer()).startswith(b"HTTP/1.1 200 ")

    async def test_over_the_reserve_nobody_is_answered(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(max_connections=1, http_reserve=1)
        peers = [await gateway.connect() for _ in range(3)]

        assert await peers[2].all() == b""
        assert gateway.listener.counts.over_cap == 1


class TestEnd:
    async def test_a_stopped_port_refuses(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        gateway.listener.stop_accepting()
        gateway.listener.stop_accepting()

        with pytest.raises(ConnectionRefusedError):
            await gateway.connect()
        session.connection.send(Frame(b"open ones go on"))
        assert await peer.frame() == (2, b"open ones go on")

    async def test_connections_that_asked_for_nothing_go_with_the_port(self, gateway: Gateway) -> None:
        silent, asking = await gateway.connect(), await gateway.connect()
        asking.write(GET[:-2])
        await served(gateway)

        gateway.listener.stop_accepting()

        assert await silent.all() == b""
        asking.write(GET[-2:])
        assert (await asking.answer()).startswith(b"HTTP/1.1 200 ")

    async def test_closing_says_goodbye(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        half = await gateway.connect()
        half.write(GET[:-2])
        await served(gateway)

        closing = asyncio.create_task(gateway.listener.close(grace_seconds=10))
        code, _ = await peer.closed()
        await closing

        assert code == 1012
        assert await session.end() == 1012
        assert gateway.listener.connections == 0

    async def test_closing_does_not_wait_for_those_who_do_not_answer(self, gateway: Gateway) -> None:
        _, session = await gateway.open()

        await gateway.listener.close(grace_seconds=0.05)

        assert session.ends == [None]


class TestStart:
    async def test_a_port_in_use(self, gateway: Gateway) -> None:
        with pytest.raises(ListenError, match="in use"):
            await start_listener(
                host="127.0.0.1", port=gateway.listener.port, acceptor=gateway.accept, asgi_app=hello_app
            )

    @needs_ipv6
    async def test_ipv6(self) -> None:
        gateway = Gateway()
        gateway.listener = await start_listener(
            host="::1", port=0, acceptor=gateway.accept, asgi_app=hello_app, settings=GatewaySettings()
        )
        reader, writer = await asyncio.open_connection("::1", gateway.listener.port)
        peer = Peer(reader, writer)
        peer.write(head())

        assert (await peer.answer()).startswith(b"HTTP/1.1 101 ")
        assert (await gateway.session()).request.remote == "::1"
        await peer.drop()
        await gateway.listener.close()
