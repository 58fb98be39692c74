"""The end of a WebSocket: it always comes, exactly once, and whoever can still read knows why."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from collab_server.runtime.connection import Frame
from tests.support.rawclient import client_frame
from tests.unit.gateway.conftest import over_tcp_and_tls
from tests.unit.gateway.wiring import Gateway, Logged, Recorder, StartGateway, head

pytestmark = over_tcp_and_tls

MEGABYTE = 1_000_000


class TestOurClose:
    async def test_the_handshake(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        session.connection.close(4403, "not for you")
        session.connection.close(1000, "too late")
        session.connection.send(Frame(b"too late"))
        session.connection.send_pair(Frame(b"too"), Frame(b"late"))
        session.connection.ping()

        assert await peer.closed() == (4403, "not for you")
        assert await session.end() == 4403
        assert session.ends == [4403]

    async def test_what_was_sent_before_arrives_before(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        session.connection.send(Frame(b"x" * 5 * MEGABYTE))
        session.connection.close(1012)

        assert await peer.frame() == (2, b"x" * 5 * MEGABYTE)
        assert await peer.closed() == (1012, "")

    async def test_messages_after_it_are_not_handed_on(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        session.connection.close(1012)
        peer.send(b"late")
        peer.send(b"late", opcode=9)

        assert (await peer.closed())[0] == 1012
        await session.end()
        assert session.messages == []

    async def test_a_long_reason_is_cut(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        session.connection.close(4400, "ä" * 100)

        assert await peer.closed() == (4400, "ä" * 61)

    async def test_a_remote_that_does_not_answer_is_dropped(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(close_timeout_seconds=0.05)
        peer, session = await gateway.open()
        session.connection.close(1012)

        assert await session.end() is None
        assert (await peer.frame())[0] == 8

    async def test_a_remote_that_reads_nothing_is_dropped(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(close_timeout_seconds=0.05)
        peer, session = await gateway.open()
        peer.stop_reading()
        session.connection.send(Frame(b"x" * 20 * MEGABYTE))
        session.connection.close(4530)

        assert await session.end() is None
        assert session.connection.buffered == 0

    async def test_both_sides_at_once(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        peer.send(b"\x03\xe8", opcode=8)
        session.connection.close(1012)

        assert await peer.frame() == (8, b"\x03\xf4")
        assert await peer.all() == b""
        assert await session.end() == 1000

    async def test_a_violation_while_closing_ends_it(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        session.connection.close(1012)
        peer.write(b"\x82\x01a")

        assert await peer.frame() == (8, b"\x03\xf4")
        assert await peer.all() == b""
        await peer.drop()
        assert await session.end() is None

    async def test_a_code_that_must_not_be_sent_is_our_bug(self, gateway: Gateway) -> None:
        _, session = await gateway.open()

        with pytest.raises(ValueError, match="1006"):
            session.connection.close(1006)


class TestRemoteClose:
    @pytest.mark.parametrize(("payload", "code"), [(b"\x03\xe8bye", 1000), (b"\x0f\xa0", 4000), (b"", None)])
    async def test_it_is_answered_with_its_own_code(
        self, gateway: Gateway, payload: bytes, code: int | None
    ) -> None:
        peer, session = await gateway.open()
        peer.write(client_frame(2, b"last words") + client_frame(8, payload) + client_frame(2, b"too late"))

        assert await peer.frame() == (8, payload[:2])
        assert await peer.all() == b""
        assert await session.end() == code
        assert session.messages == [b"last words"]

    async def test_pings_before_it_are_answered(self, gateway: Gateway) -> None:
        peer, _ = await gateway.open()
        peer.write(client_frame(9, b"p") + client_frame(8, b""))

        assert [await peer.frame(), await peer.frame()] == [(10, b"p"), (8, b"")]

    async def test_a_remote_that_closes_and_does_not_read_is_dropped(
        self, start_gateway: StartGateway
    ) -> None:
        gateway = await start_gateway(close_timeout_seconds=0.05)
        peer, session = await gateway.open()
        peer.stop_reading()
        session.connection.send(Frame(b"x" * 20 * MEGABYTE))
        peer.send(b"\x03\xe8", opcode=8)

        assert await session.end() == 1000


class TestLoss:
    async def test_an_abrupt_end(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        await peer.drop()

        assert await session.end() is None

    async def test_everything_is_safe_afterwards(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        await peer.drop()
        await session.end()

        connection = session.connection
        connection.send(Frame(b"a"))
        connection.send_pair(Frame(b"a"), Frame(b"b"))
        connection.ping()
        connection.pause_reading()
        connection.resume_reading()
        connection.close(1000)
        connection.abort()

        assert connection.buffered == 0
        await asyncio.sleep(0.01)  # a second end would come in a later turn
        assert session.ends == [None]

    async def test_sending_to_a_remote_that_is_gone_ends_it(self, gateway: Gateway) -> None:
        """The kernel answers the first write with a reset, and the next with an error."""
        peer, session = await gateway.open()
        session.connection.pause_reading()
        await peer.drop()
        for _ in range(1000):
            session.connection.send(Frame(b"x" * 1000))
            await asyncio.sleep(0)
            if session.ends:
                break

        assert session.ends == [None]

    async def test_an_abort(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        session.connection.abort()
        session.connection.abort()
        session.connection.send(Frame(b"a"))

        assert await peer.all() == b""
        assert await session.end() is None
        assert session.ends == [None]

    async def test_a_half_close_ends_it(self, gateway: Gateway) -> None:
        peer, session = await gateway.open()
        peer.send(b"last words")
        peer.end()

        assert await session.end() is None
        assert session.messages == [b"last words"]

    async def test_a_half_close_of_a_remote_that_does_not_read(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(close_timeout_seconds=0.05)
        peer, session = await gateway.open()
        peer.stop_reading()
        session.connection.send(Frame(b"x" * 20 * MEGABYTE))
        peer.end()

        assert await session.end() is None

    async def test_nothing_is_written_to_a_descriptor_that_is_another_connections(
        self, gateway: Gateway
    ) -> None:
        """The next connection gets the number of the file that was closed."""
        first_peer, first = await gateway.open()
        await first_peer.drop()
        await first.end()
        peer, second = await gateway.open()
        first.connection.send(Frame(b"for the first"))
        second.connection.send(Frame(b"for the second"))

        assert await peer.frame() == (2, b"for the second")


class TestBlackhole:
    async def test_a_peer_that_vanished_is_gone_after_an_abort(self, gateway: Gateway) -> None:
        """No FIN and no reset will ever come; whoever watches `last_received` aborts."""
        peer, session = await gateway.open()
        peer.stop_reading()
        session.connection.send(Frame(b"x" * 20 * MEGABYTE))
        session.connection.abort()

        assert await session.end() is None
        assert gateway.listener.connections == 0


class TestFaultsOfHandlers:
    async def test_a_handler_that_raises_costs_only_its_own_connection(
        self, gateway: Gateway, logged: Logged
    ) -> None:
        other_peer, other = await gateway.open()
        peer, session = await gateway.open()

        def fail(payload: bytes) -> None:
            raise ZeroDivisionError

        session.on_message = fail
        peer.write(client_frame(2, b"one") + client_frame(2, b"two"))

        assert (await peer.closed())[0] == 1011
        assert session.messages == [b"one"]
        assert [line["log_level"] for line in logged] == ["error"]
        other_peer.send(b"fine")
        await other.until(lambda me: me.messages)

    @pytest.mark.parametrize("method", ["text", "text_message"])
    async def test_at_a_text(self, gateway: Gateway, method: str, logged: Logged) -> None:
        def fail(*_: object) -> None:
            raise ZeroDivisionError

        gateway.on_accept = lambda session: setattr(session, method, fail)
        peer, _ = await gateway.open()
        peer.send(b"a", opcode=1)

        assert (await peer.closed())[0] == 1011
        assert len(logged) == 1

    async def test_an_acceptor_that_raises(self, gateway: Gateway, logged: Logged) -> None:
        def fail(session: Recorder) -> None:
            raise ZeroDivisionError

        gateway.on_accept = fail
        peer = await gateway.connect()
        peer.write(head() + client_frame(2, b"one"))
        await peer.answer()

        assert (await peer.closed())[0] == 1011
        assert len(logged) == 1

    async def test_an_end_that_raises(self, gateway: Gateway, logged: Logged) -> None:
        peer, session = await gateway.open()

        def fail(code: int | None) -> None:
            session.ends.append(code)
            raise ZeroDivisionError

        session.disconnected = fail  # type: ignore[method-assign]
        await peer.drop()
        await asyncio.wait_for(gateway.listener._quiet.wait(), 10)

        assert session.ends == [None]
        assert len(logged) == 1


async def test_no_cycle_keeps_a_connection_alive(gateway: Gateway) -> None:
    """Thousands of connections come and go; none may wait for the garbage collector."""
    peer, session = await gateway.open()
    peer.send(b"x" * 100_000)
    await session.until(lambda me: me.messages)
    connection = weakref.ref(session.connection)
    gc.collect()
    gc.disable()
    try:
        await peer.drop()
        await session.end()
        gateway.sessions.clear()
        del session
        await asyncio.sleep(0.05)  # uvloop lets go of its transport in a later turn
        assert connection() is None
    finally:
        gc.enable()
