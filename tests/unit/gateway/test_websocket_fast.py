"""One WebSocket while it is open: messages in order, and bounds on all that waits."""

from __future__ import annotations

import asyncio
import socket
from itertools import pairwise

import pytest

from collab_server.gateway.picows_parser import READ_BYTES
from collab_server.gateway.websocket_fast import FastConnection
from collab_server.runtime.connection import Frame
from tests.support.rawclient import client_frame
from tests.unit.gateway.conftest import over_tcp_and_tls
from tests.unit.gateway.wiring import Gateway, Recorder, StartGateway, head

pytestmark = over_tcp_and_tls

MEGABYTE = 1_000_000


def fast(session: Recorder) -> FastConnection:
    assert isinstance(session.connection, FastConnection)
    return session.connection


class TestMessages:
    @pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 300_000])
    async def test_messages_of_every_length_form(self, gateway: Gateway, size: int) -> None:
        peer, session = await gateway.open()
        peer.send(b"a" * size)
        await session.until(lambda me: me.messages)

        session.connection.send(Frame(session.messages[0]))

        assert await peer.frame() == (2, b"a" * size)

    async def test_fragments_become_one_message(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        peer.send(b"a", fin=False)
        peer.send(b"b", opcode=0, fin=False)
        peer.send(b"", opcode=9)
        peer.send(b"c", opcode=0)
        peer.send(b"next")

        await session.until(lambda me: len(me.messages) == 2)
        assert session.messages == [b"abc", b"next"]
        assert await peer.frame() == (10, b"")

    async def test_text_is_told(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        peer.send(b"one", opcode=1)
        peer.send(b"tw", opcode=1, fin=False)
        peer.send(b"o", opcode=0)

        await session.until(lambda me: me.texts == 2)
        assert session.messages == []

    async def test_text_is_handed_to_those_who_want_it(self, gateway: Gateway) -> None:
        texts: list[bytes] = []
        gateway.on_accept = lambda session: setattr(session, "text", texts.append)
        peer, session = await gateway.open()
        peer.send("ä".encode(), opcode=1)
        peer.send(b"after")

        await session.until(lambda me: me.messages)
        assert texts == ["ä".encode()]
        assert session.texts == 0

    async def test_the_limit_of_a_message_is_exact(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(message_max_bytes=1000)
        peer, session = await gateway.open()
        peer.send(b"a" * 999)
        peer.send(b"b" * 1000)
        peer.send(b"c" * 1001)

        code, reason = await peer.closed()

        assert (code, reason) == (1009, "a frame is too large")
        assert [len(message) for message in session.messages] == [999, 1000]
        assert await session.end() is None
        assert fast(session).failure == 1009

    async def test_the_limit_holds_for_fragments_together(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(message_max_bytes=1000)
        peer, session = await gateway.open()
        peer.send(b"a" * 600, fin=False)
        peer.send(b"a" * 401, opcode=0)

        assert (await peer.closed())[0] == 1009
        assert session.messages == []

    async def test_many_fragments_are_cut(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(message_max_fragments=1000)
        peer, session = await gateway.open()
        peer.send(b"a", fin=False)
        peer.write(client_frame(0, b"a", fin=False) * 5000)

        assert (await peer.closed())[0] == 1009
        assert session.messages == []

    async def test_a_client_in_the_middle_of_a_frame_reads_why_it_is_closed(
        self, start_gateway: StartGateway
    ) -> None:
        """A reset would show as 1006 in a browser."""
        gateway = await start_gateway(message_max_bytes=1000)
        peer, _ = await gateway.open()
        peer.write(b"\x82\xff" + (20 * MEGABYTE).to_bytes(8, "big") + b"\0\0\0\0" + b"a" * 20 * MEGABYTE)

        assert (await peer.closed())[0] == 1009

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (b"\xc2\x80\0\0\0\0", 1002),
            (b"\xa2\x80\0\0\0\0", 1002),
            (b"\x92\x80\0\0\0\0", 1002),
            (b"\x82\x01a", 1002),
            (client_frame(0, b"a"), 1002),
            (client_frame(2, b"a", fin=False) + client_frame(2, b"b"), 1002),
            (client_frame(8, b"\x03\xed"), 1002),
            (client_frame(8, b"\x03\xe8\xff"), 1007),
        ],
        ids=[
            "reserved bit 1", "reserved bit 2", "reserved bit 3", "not masked", "continues nothing",
            "a second beginning", "close code 1005", "a reason that is no UTF-8",
        ],
    )  # fmt: skip
    async def test_violations_close_after_what_came_before(
        self, gateway: Gateway, data: bytes, code: int
    ) -> None:
        peer, session = await gateway.open()
        peer.write(client_frame(2, b"good") + data + client_frame(2, b"unread"))

        assert (await peer.closed())[0] == code
        assert session.messages == [b"good"]
        assert await session.end() is None
        assert session.ends == [None]


class TestFairness:
    async def test_a_flood_of_small_messages_leaves_turns_to_others(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        peer.write(client_frame(2, b"") * 200_000)
        counts = [0]
        async with asyncio.timeout(60):
            while len(session.messages) < 200_000:
                counts.append(len(session.messages))
                await asyncio.sleep(0)

        assert max(b - a for a, b in pairwise(counts)) <= READ_BYTES / 6 + 1

    async def test_a_pause_holds_against_the_next_turn(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()

        def pause(payload: bytes) -> None:
            if len(session.messages) == 20_000:
                session.connection.pause_reading()

        session.on_message = pause
        peer.write(client_frame(2, b"") * 50_000)
        await session.until(lambda me: len(me.messages) == 20_000)
        await asyncio.sleep(0.05)
        assert len(session.messages) == 20_000

        session.connection.resume_reading()
        await session.until(lambda me: len(me.messages) == 50_000)


class TestWriting:
    async def test_a_pair_goes_out_in_order(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        for first, second in ((b"a", b"b"), (b"c" * 20_000, b"d")):
            session.connection.send_pair(Frame(first), Frame(second))

            assert await peer.frame() == (2, first)
            assert await peer.frame() == (2, second)

    async def test_order_holds_while_a_peer_does_not_read(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(write_high_bytes=100_000, write_low_bytes=50_000)
        peer, session = await gateway.open()
        peer.stop_reading()
        expected = []
        for number in range(300):
            one, two, three = (f"{number}{kind}".encode() + b"x" * 30_000 for kind in "abc")
            session.connection.send(Frame(one))
            session.connection.send_pair(Frame(two), Frame(three[:10]))
            expected += [one, two, three[:10]]
        assert session.writing == ["paused"]
        assert session.connection.buffered > 100_000

        peer.go_on_reading()
        received = [(await peer.frame())[1] for _ in expected]

        assert received == expected
        await session.until(lambda me: me.writing == ["paused", "resumed"])
        assert session.connection.buffered == 0
        session.connection.send(Frame(b"directly again"))
        assert await peer.frame() == (2, b"directly again")

    async def test_what_is_buffered_is_shared_and_not_copied(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        peer.stop_reading()
        frame = Frame(b"x" * 20 * MEGABYTE)

        session.connection.send(frame)

        assert 10 * MEGABYTE < session.connection.buffered <= len(frame)
        session.connection.abort()

    async def test_ping_reaches_the_peer(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        session.connection.ping()

        assert await peer.frame() == (9, b"")

    async def test_small_messages_are_not_held_back_by_the_kernel(self, gateway: Gateway) -> None:
        _, session = await gateway.open()
        sock = fast(session)._transport.get_extra_info("socket")

        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


class TestPings:
    async def test_each_ping_is_answered_in_order(self, gateway: Gateway) -> None:
        peer, _ = await gateway.open()
        peer.write(b"".join(client_frame(9, bytes((n,))) for n in range(20)))

        assert [await peer.frame() for _ in range(20)] == [(10, bytes((n,))) for n in range(20)]

    async def test_the_pong_comes_before_the_answer_to_a_later_message(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        session.on_message = lambda payload: session.connection.send(Frame(payload))
        peer.write(client_frame(9, b"p") + client_frame(2, b"m") + client_frame(9, b"q"))

        assert [await peer.frame() for _ in range(3)] == [(10, b"p"), (2, b"m"), (10, b"q")]

    async def test_a_flood_of_pings_that_is_not_read_is_cut(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(unread_pong_max_bytes=10_000)
        peer, session = await gateway.open()
        peer.stop_reading()
        ping = client_frame(9, b"x" * 125)
        for _ in range(100):
            if not peer.writer.transport.is_closing():
                peer.write(ping * 1000)
            await asyncio.sleep(0)

        assert await session.end() is None
        assert session.ends == [None]

    async def test_a_flood_of_pings_that_is_read_is_answered(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(unread_pong_max_bytes=10_000)
        peer, session = await gateway.open()
        peer.write(client_frame(9, b"x" * 125) * 1000)
        for _ in range(1000):
            assert await peer.frame() == (10, b"x" * 125)

        assert session.ends == []

    async def test_pings_behind_a_long_answer_do_not_cut_a_slow_reader(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        peer.stop_reading()
        session.connection.send(Frame(b"x" * 20 * MEGABYTE))
        for _ in range(10):
            peer.send(b"p", opcode=9)
        peer.send(b"done")
        await session.until(lambda me: me.messages)

        peer.go_on_reading()

        assert (await peer.frame())[0] == 2
        assert [await peer.frame() for _ in range(10)] == [(10, b"p")] * 10


class TestLastReceived:
    @pytest.mark.parametrize(
        "data",
        [client_frame(10, b""), client_frame(2, b"a"), b"\x82", client_frame(9, b"")],
        ids=["pong", "message", "half a head", "ping"],
    )
    async def test_any_bytes_count(self, gateway: Gateway, data: bytes) -> None:
        peer, session = await gateway.open()
        before = session.connection.last_received
        fast(session).last_received = 0.0
        peer.write(data)

        async with asyncio.timeout(10):
            while session.connection.last_received == 0.0:  # noqa: ASYNC110 - bytes alone wake nobody
                await asyncio.sleep(0.001)
        assert session.connection.last_received >= before


class TestPausedReading:
    async def test_nothing_is_handed_on_until_it_is_resumed(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        session.on_message = lambda payload: session.connection.pause_reading()
        peer.write(b"".join(client_frame(2, bytes((n,))) for n in range(5)))
        await session.until(lambda me: me.messages)
        await asyncio.sleep(0.02)  # anything more would come in a later turn
        assert session.messages == [b"\0"]

        for count in range(1, 5):
            session.connection.resume_reading()
            assert len(session.messages) == count + 1
        session.on_message = lambda payload: None
        session.connection.resume_reading()
        peer.send(b"after")
        await session.until(lambda me: len(me.messages) == 6)

        assert session.messages == [b"\0", b"\1", b"\2", b"\3", b"\4", b"after"]

    async def test_a_peer_is_pushed_back_by_tcp(self, gateway: Gateway) -> None:
        if gateway.client_tls is not None:
            pytest.skip("uvloop's TLS client does not tell what waits below it; test_tls_door has its own")
        peer, session = await gateway.open()
        session.connection.pause_reading()
        peer.writer.transport.set_write_buffer_limits(high=0)
        for _ in range(100):
            peer.send(b"x" * MEGABYTE)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await peer.writer.drain()
        assert session.messages == []

        session.connection.resume_reading()
        await session.until(lambda me: len(me.messages) == 100)

    async def test_what_was_sent_before_a_close_is_not_lost(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        session.on_message = lambda payload: session.connection.pause_reading()
        peer.write(client_frame(2, b"big") + client_frame(2, b"edit") + client_frame(8, b"\x03\xe8"))
        await session.until(lambda me: me.messages)
        assert session.ends == []
        session.on_message = lambda payload: None

        session.connection.resume_reading()

        assert await session.end() == 1000
        assert session.messages == [b"big", b"edit"]

    async def test_closing_while_paused(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        session.on_message = lambda payload: session.connection.pause_reading()
        peer.write(client_frame(2, b"one") + client_frame(2, b"two"))
        await session.until(lambda me: me.messages)

        session.connection.close(4403)
        session.connection.resume_reading()

        assert (await peer.closed())[0] == 4403
        assert await session.end() == 4403
        assert session.messages == [b"one"]

    async def test_closing_while_the_remotes_close_waits(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        session.on_message = lambda payload: session.connection.pause_reading()
        peer.write(client_frame(2, b"one") + client_frame(8, b"\x03\xe8"))
        await session.until(lambda me: me.messages)

        session.connection.close(4403)

        assert await peer.frame() == (8, b"\x11\x33")
        assert await session.end() == 1000

    async def test_pausing_while_it_is_accepted(self, gateway: Gateway) -> None:
        gateway.on_accept = lambda session: session.connection.pause_reading()
        peer, session = await gateway.open(head() + client_frame(2, b"early"))
        assert session.messages == []

        session.connection.resume_reading()
        session.connection.resume_reading()

        assert session.messages == [b"early"]
        peer.send(b"later")
        await session.until(lambda me: len(me.messages) == 2)

    async def test_pings_are_answered_while_paused(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        session.on_message = lambda payload: session.connection.pause_reading()
        peer.write(client_frame(2, b"one") + client_frame(9, b"p") + client_frame(2, b"two"))

        assert await peer.frame() == (10, b"p")
