"""What goes out over a transport, and when the handler is told. Over real sockets: test_websocket_fast."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from collab_server.gateway.large_turns import LargeTurns
from collab_server.gateway.outgoing import Outgoing
from collab_server.gateway.settings import GatewaySettings
from collab_server.runtime.connection import LargeMessage

MEGABYTE = 1_000_000


class Transport:
    """Takes everything; `waiting` is what it says to hold."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.waiting = 0
        self.limits: tuple[int, int] = (0, 0)

    def write(self, data: bytes) -> None:
        self.written.append(bytes(data))

    def writelines(self, parts: tuple[bytes, ...]) -> None:
        self.written.append(b"".join(parts))

    def set_write_buffer_limits(self, high: int, low: int) -> None:
        self.limits = (high, low)

    def get_write_buffer_size(self) -> int:
        return self.waiting


class Handler:
    def __init__(self) -> None:
        self.told: list[str] = []

    def message(self, payload: bytes) -> None: ...
    def text_message(self) -> None: ...
    def disconnected(self, code: int | None) -> None: ...

    def writing_paused(self) -> None:
        self.told.append("paused")

    def writing_resumed(self) -> None:
        self.told.append("resumed")


@pytest.fixture
def transport() -> Transport:
    return Transport()


async def outgoing(transport: Transport, handler: Handler, **settings: Any) -> Outgoing:
    turns = LargeTurns(asyncio.get_running_loop())
    out = Outgoing(cast(Any, transport), settings=GatewaySettings(**settings), turns=turns)
    out.handler = handler
    return out


async def turns_of_the_loop(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_what_is_sent_behind_a_large_message_follows_it(transport: Transport) -> None:
    handler = Handler()
    out = await outgoing(transport, handler)
    usual = transport.limits
    out.send_large(LargeMessage([b"x" * MEGABYTE]))
    out.write(b"after")
    out.write_both(b"one", b"two")
    assert out.buffered == MEGABYTE
    assert transport.limits < usual
    await turns_of_the_loop(10)
    assert transport.written[-3:] == [b"after", b"one", b"two"]
    assert b"".join(transport.written).count(b"x") == MEGABYTE
    assert handler.told == ["paused", "resumed"]
    assert transport.limits == usual
    assert out.buffered == 0


async def test_a_large_message_waits_while_the_transport_is_full(transport: Transport) -> None:
    handler = Handler()
    out = await outgoing(transport, handler)
    out.send_large(LargeMessage([b"x" * MEGABYTE]))
    out.pause()
    await turns_of_the_loop(5)
    assert not transport.written
    out.resume()
    await turns_of_the_loop(10)
    assert out.buffered == 0
    assert handler.told == ["paused", "resumed"], "once for the whole message"


async def test_what_follows_a_large_message_can_fill_the_transport(transport: Transport) -> None:
    """Story: a snapshot of presence behind a step 2 filled the buffer of one who read nothing. It was told
    that there was room again, never counted as stalled, and its buffer grew without bound.
    """
    handler = Handler()
    out = await outgoing(transport, handler)
    out.send_large(LargeMessage([b"x" * MEGABYTE]))
    out.write(b"a" * 2 * MEGABYTE)

    def write_and_fill(data: bytes) -> None:
        transport.written.append(bytes(data))
        if transport.written[-1].startswith(b"a"):
            out.pause()  # uvloop says so within the write

    transport.write = write_and_fill  # type: ignore[method-assign]
    await turns_of_the_loop(10)
    assert transport.written[-1].startswith(b"a")
    assert handler.told == ["paused", "paused"]
    out.resume()
    assert handler.told == ["paused", "paused", "resumed"]


async def test_a_full_transport_is_told(transport: Transport) -> None:
    handler = Handler()
    out = await outgoing(transport, handler)
    out.pause()
    out.resume()
    assert handler.told == ["paused", "resumed"]


async def test_two_large_frames_go_in_one_call(transport: Transport) -> None:
    out = await outgoing(transport, Handler())
    out.write_both(b"one", b"two")
    assert transport.written == [b"onetwo"]


async def test_nothing_is_written_or_told_after_the_end(transport: Transport) -> None:
    handler = Handler()
    out = await outgoing(transport, handler)
    out.queue_pong(b"p")
    out.send_large(LargeMessage([b"x" * MEGABYTE]))
    out.end()
    out.write(b"late")
    out.write_both(b"one", b"two")
    out.send_large(LargeMessage([b"y" * MEGABYTE]))
    out.pause()
    out.resume()
    assert out.flush_pongs()
    out.let_go()
    await turns_of_the_loop(5)
    assert not transport.written
    assert handler.told == ["paused"]


async def test_pongs_go_together_and_those_unread_are_bounded(transport: Transport) -> None:
    out = await outgoing(transport, Handler(), unread_pong_max_bytes=10)
    for payload in (b"1", b"2"):
        out.queue_pong(payload)
    assert out.flush_pongs()
    assert transport.written == [b"\x8a\x011\x8a\x012"]
    assert out.pongs is None
    transport.waiting = 1
    for _ in range(3):
        out.queue_pong(b"3")
        assert out.flush_pongs()
    out.queue_pong(b"4")
    assert not out.flush_pongs(), "twelve bytes are more than ten"


async def test_pongs_that_were_read_are_forgiven(transport: Transport) -> None:
    out = await outgoing(transport, Handler(), unread_pong_max_bytes=5)
    for _ in range(5):
        out.queue_pong(b"1")
        assert out.flush_pongs()
