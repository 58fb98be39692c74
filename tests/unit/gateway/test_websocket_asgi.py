"""A WebSocket over ASGI, with a server that the test plays: order, bounds, one end, nothing left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from collab_server.gateway.settings import GatewaySettings
from collab_server.gateway.websocket_asgi import AsgiConnection
from collab_server.runtime.connection import Connection, Frame, LargeMessage, UpgradeRequest
from tests.support.waiting import PATIENCE, Changes
from tests.unit.gateway.wiring import Logged, Recorder


class Remote:
    """The ASGI server and the client behind it."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue(10)
        self.sent: list[dict[str, Any]] = []
        self.changes = Changes()
        self.takes = asyncio.Event()
        self.takes.set()
        self.error: Exception | None = None

    async def send(self, event: Any) -> None:
        await self.takes.wait()
        if self.error is not None:
            raise self.error
        self.sent.append(event)
        self.changes.notify()

    async def say(self, payload: bytes) -> None:
        await self.events.put({"type": "websocket.receive", "bytes": payload})

    async def leave(self, code: int | None = 1000) -> None:
        await self.events.put({"type": "websocket.disconnect", "code": code})

    async def until_sent(self, count: int) -> None:
        await self.changes.wait_for(lambda: len(self.sent) >= count)

    @property
    def payloads(self) -> list[bytes]:
        return [event["bytes"] for event in self.sent if event["type"] == "websocket.send"]


class Call:
    """One connection that is served, its session, and the remote."""

    def __init__(self, **settings: Any) -> None:
        self.remote = Remote()
        self.session: Recorder
        self.connection = AsgiConnection(
            self.remote.events.get, self.remote.send, settings=GatewaySettings(**settings)
        )
        self.accept = self._accept
        self.task: asyncio.Task[None]

    def _accept(self, connection: Connection, request: UpgradeRequest) -> Recorder:
        self.session = Recorder(connection, request)
        return self.session

    async def start(self) -> Call:
        self.task = asyncio.create_task(self.connection.serve(self.accept, UpgradeRequest(b"/")))
        await asyncio.sleep(0)
        return self

    async def end(self) -> int | None:
        async with asyncio.timeout(PATIENCE):
            await self.task
        assert len(self.session.ends) == 1
        return self.session.ends[0]


@pytest.fixture(autouse=True)
async def _nothing_is_left() -> AsyncIterator[None]:
    before = len(asyncio.all_tasks())
    yield
    assert len(asyncio.all_tasks()) == before


async def call(**settings: Any) -> Call:
    return await Call(**settings).start()


class TestMessages:
    async def test_both_ways_in_order(self) -> None:
        one = await call()
        for number in range(30):
            await one.remote.say(bytes((number,)))
            one.connection.send(Frame(bytes((number,)) * 200))
        one.connection.send_pair(Frame(b"a"), Frame(b"b"))
        await one.session.until(lambda me: len(me.messages) == 30)
        await one.remote.until_sent(32)
        await one.remote.leave()

        assert await one.end() == 1000
        assert one.session.messages == [bytes((number,)) for number in range(30)]
        assert one.remote.payloads == [*(bytes((number,)) * 200 for number in range(30)), b"a", b"b"]

    async def test_text_is_told(self) -> None:
        one = await call()
        await one.remote.events.put({"type": "websocket.receive", "text": "a", "bytes": None})
        await one.session.until(lambda me: me.texts == 1)
        await one.remote.leave()
        await one.end()

    async def test_the_limit_of_a_message_is_exact(self) -> None:
        one = await call(message_max_bytes=1000)
        await one.remote.say(b"a" * 1000)
        await one.remote.say(b"a" * 1001)
        await one.remote.until_sent(1)
        await one.remote.leave(1009)

        assert await one.end() == 1009
        assert one.remote.sent == [
            {"type": "websocket.close", "code": 1009, "reason": "a message is too large"}
        ]
        assert one.connection.failure == 1009
        assert one.session.messages == [b"a" * 1000]

    async def test_any_message_is_a_sign_of_life(self) -> None:
        one = await call()
        one.connection.last_received = 0.0
        assert one.connection.ping() is False
        await one.remote.say(b"")
        await one.session.until(lambda me: me.messages)
        assert one.connection.last_received > 0.0
        await one.remote.leave()
        await one.end()


class TestWriting:
    async def test_a_reader_that_is_slow_is_told_of_once_and_let_on_below_the_low_water(self) -> None:
        one = await call(write_high_bytes=1000, write_low_bytes=300)
        one.remote.takes.clear()
        for _ in range(10):
            one.connection.send(Frame(b"x" * 196))
        assert one.session.writing == ["paused"]
        assert one.connection.buffered == 2000

        one.remote.takes.set()
        await one.remote.until_sent(10)
        await one.session.until(lambda me: me.writing == ["paused", "resumed"])
        assert one.connection.buffered == 0
        await one.remote.leave()
        await one.end()

    async def test_an_acceptor_that_fills_the_buffer(self) -> None:
        one = Call(write_high_bytes=1000, write_low_bytes=300)
        one.remote.takes.clear()

        def accept(connection: Connection, request: UpgradeRequest) -> Recorder:
            connection.send(Frame(b"x" * 2000))
            return one._accept(connection, request)

        one.accept = accept
        await one.start()
        assert one.session.writing == ["paused"]
        one.remote.takes.set()
        await one.session.until(lambda me: me.writing == ["paused", "resumed"])
        await one.remote.leave()
        await one.end()

    async def test_what_is_written_while_it_resumes_follows(self) -> None:
        one = await call(write_high_bytes=100, write_low_bytes=0)
        one.session.writing_resumed = lambda: one.connection.send(Frame(b"after"))  # type: ignore[method-assign]
        one.connection.send(Frame(b"x" * 200))
        await one.remote.until_sent(2)
        assert one.remote.payloads[1] == b"after"
        await one.remote.leave()
        await one.end()

    async def test_all_who_are_sent_a_large_message_share_its_bytes(self) -> None:
        """Story: fifty joiners each joined 50 MB on the loop, and held it until it was read."""
        calls = [await call(write_high_bytes=1000, write_low_bytes=300) for _ in range(3)]
        message = LargeMessage([b"x" * 1500, memoryview(b"y" * 500)])
        for one in calls:
            one.connection.send_large(message)
            one.connection.send(Frame(b"after"))
            assert one.connection.buffered > 2000
            assert one.session.writing == ["paused"]
        for one in calls:
            await one.remote.until_sent(2)
            await one.session.until(lambda me: me.writing == ["paused", "resumed"])
            assert one.connection.buffered == 0
            assert one.remote.payloads == [b"x" * 1500 + b"y" * 500, b"after"]
            assert one.remote.payloads[0] is calls[0].remote.payloads[0]
            await one.remote.leave()
            await one.end()

    async def test_a_large_message_before_a_close_is_written(self) -> None:
        one = await call()
        one.connection.send_large(LargeMessage([b"x" * 2000]))
        one.connection.close(1000)
        await one.remote.until_sent(2)
        assert one.remote.payloads == [b"x" * 2000]
        await one.remote.leave()
        await one.end()


class TestPausedReading:
    async def test_the_server_is_asked_for_nothing_more(self) -> None:
        one = await call()
        one.session.on_message = lambda payload: one.connection.pause_reading()
        for number in range(5):
            await one.remote.say(bytes((number,)))
        await one.session.until(lambda me: me.messages)
        await asyncio.sleep(0.01)  # anything more would come in a later turn
        assert one.session.messages == [b"\0"]
        assert one.remote.events.qsize() == 4

        one.session.on_message = lambda payload: None
        one.connection.resume_reading()
        await one.session.until(lambda me: len(me.messages) == 5)
        await one.remote.leave()
        await one.end()

    async def test_a_message_that_was_waited_for_is_kept(self) -> None:
        one = await call()
        await asyncio.sleep(0)  # it waits for a message now
        one.connection.pause_reading()
        await one.remote.say(b"early")
        await asyncio.sleep(0.01)
        assert one.session.messages == []

        one.connection.resume_reading()
        await one.session.until(lambda me: me.messages == [b"early"])
        await one.remote.leave()
        await one.end()

    async def test_pausing_while_it_is_accepted(self) -> None:
        one = Call()
        await one.remote.say(b"early")

        def accept(connection: Connection, request: UpgradeRequest) -> Recorder:
            connection.pause_reading()
            return one._accept(connection, request)

        one.accept = accept
        await one.start()
        await asyncio.sleep(0.01)
        assert one.session.messages == []
        one.connection.resume_reading()
        await one.session.until(lambda me: me.messages == [b"early"])
        await one.remote.leave()
        await one.end()


class TestEnd:
    @pytest.mark.parametrize(
        ("told", "code"), [(1000, 1000), (4000, 4000), (1005, None), (1006, None), (None, None)]
    )
    async def test_the_remote_leaves(self, told: int | None, code: int | None) -> None:
        one = await call()
        await one.remote.say(b"last words")
        await one.remote.leave(told)
        assert await one.end() == code
        assert one.session.messages == [b"last words"]

    async def test_our_close_comes_after_what_was_written_and_waits_for_the_answer(self) -> None:
        one = await call()
        one.connection.send(Frame(b"before"))
        one.connection.close(4403, "ä" * 100)
        one.connection.close(1012, "too late")
        one.connection.send(Frame(b"after"))
        await one.remote.say(b"not handed on")
        await one.remote.until_sent(2)
        assert not one.task.done()
        await one.remote.leave(4403)

        assert await one.end() == 4403
        assert one.remote.payloads == [b"before"]
        assert one.remote.sent[1:] == [{"type": "websocket.close", "code": 4403, "reason": "ä" * 61}]
        assert one.session.messages == []

    async def test_closing_while_paused_sees_the_answer(self) -> None:
        one = await call()
        one.connection.pause_reading()
        one.connection.close(4403)
        await one.remote.leave(4403)
        assert await one.end() == 4403

    async def test_a_remote_that_does_not_answer_is_dropped(self) -> None:
        one = await call(close_timeout_seconds=0.05)
        one.connection.close(1012)
        assert await one.end() is None

    async def test_a_remote_that_takes_nothing_is_dropped(self) -> None:
        one = await call(close_timeout_seconds=0.05)
        one.remote.takes.clear()
        one.connection.send(Frame(b"x"))
        one.connection.close(4530)
        assert await one.end() is None
        assert one.connection.buffered == 0

    async def test_an_abort(self) -> None:
        one = await call()
        one.connection.abort()
        one.connection.abort()
        assert await one.end() is None

    async def test_everything_is_safe_afterwards(self) -> None:
        one = await call()
        one.connection.abort()
        await one.end()
        connection = one.connection
        connection.send(Frame(b"a"))
        connection.send_pair(Frame(b"a"), Frame(b"b"))
        connection.ping()
        connection.pause_reading()
        connection.resume_reading()
        connection.close(1000)
        connection.abort()
        assert connection.buffered == 0
        assert one.session.ends == [None]

    async def test_a_send_that_fails_because_the_remote_is_gone(self, logged: Logged) -> None:
        one = await call()
        one.remote.error = ConnectionResetError()
        one.connection.send(Frame(b"x"))
        assert await one.end() is None
        assert logged == []

    async def test_a_send_that_fails_otherwise_is_logged(self, logged: Logged) -> None:
        one = await call()
        one.remote.error = RuntimeError("a bug")
        one.connection.send(Frame(b"x"))
        assert await one.end() is None
        assert [line["log_level"] for line in logged] == ["error"]

    async def test_a_code_that_must_not_be_sent_is_our_bug(self) -> None:
        one = await call()
        with pytest.raises(ValueError, match="1006"):
            one.connection.close(1006)
        one.connection.abort()
        await one.end()


class TestCancelled:
    """What a server does with its applications when it ends."""

    async def test_the_remote_is_told_that_we_go(self) -> None:
        one = await call()
        one.task.cancel()
        await asyncio.wait([one.task])
        assert one.task.cancelled()
        assert one.remote.sent == [
            {"type": "websocket.close", "code": 1012, "reason": "The server restarts; reconnect."}
        ]
        assert one.session.ends == [None]

    async def test_a_server_that_sends_no_more(self) -> None:
        one = await call()
        one.remote.takes.clear()
        one.connection.send(Frame(b"x"))
        await asyncio.sleep(0)
        one.task.cancel()
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait([one.task])
        assert one.task.cancelled()
        assert one.session.ends == [None]

    async def test_one_that_is_closed_already_is_told_nothing_more(self) -> None:
        one = await call()
        one.connection.close(4403)
        await one.remote.until_sent(1)
        one.task.cancel()
        await asyncio.wait([one.task])
        assert len(one.remote.sent) == 1


class TestFaultsOfHandlers:
    async def test_a_handler_that_raises_costs_its_own_connection(self, logged: Logged) -> None:
        one = await call()

        def fail(payload: bytes) -> None:
            raise ZeroDivisionError

        one.session.on_message = fail
        await one.remote.say(b"one")
        await one.remote.until_sent(1)
        assert one.remote.sent[0]["code"] == 1011
        await one.remote.leave()
        await one.end()
        assert [line["log_level"] for line in logged] == ["error"]

    async def test_an_acceptor_that_raises(self, logged: Logged) -> None:
        one = Call()

        def fail(connection: Connection, request: UpgradeRequest) -> Recorder:
            raise ZeroDivisionError

        one.accept = fail
        await one.start()
        await one.remote.say(b"one")
        await one.remote.until_sent(1)
        assert one.remote.sent[0]["code"] == 1011
        await one.remote.leave()
        async with asyncio.timeout(PATIENCE):
            await one.task
        assert len(logged) == 1

    async def test_an_end_that_raises(self, logged: Logged) -> None:
        one = await call()

        def fail(code: int | None) -> None:
            raise ZeroDivisionError

        one.session.disconnected = fail  # type: ignore[method-assign]
        await one.remote.leave()
        async with asyncio.timeout(PATIENCE):
            await one.task
        assert len(logged) == 1
