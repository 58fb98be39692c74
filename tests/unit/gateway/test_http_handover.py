"""Hypercorn on a connection that was handed over: HTTP/1.1, kept alive, bounded, and nothing else."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import pytest

from collab_server.gateway.websocket_fast import FastConnection
from collab_server.runtime.connection import Frame
from tests.support.rawclient import client_frame
from tests.unit.gateway.wiring import Gateway, Peer, StartGateway, head


async def exchange(peer: Peer, request: bytes) -> bytes:
    """The body of the answer to one request."""
    peer.write(request)
    start = await peer.answer()
    assert start.startswith(b"HTTP/1.1 200 "), start
    size = int(start.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return await peer.reader.readexactly(size)


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


async def test_a_connection_serves_many_requests(gateway: Gateway) -> None:
    peer = await gateway.connect()

    for number in range(5):
        assert await exchange(peer, get(f"/{number}")) == f"GET /{number} 0".encode()
    assert gateway.listener.counts.http == 1


async def test_requests_sent_ahead_are_answered_in_order(gateway: Gateway) -> None:
    peer = await gateway.connect()
    peer.write(get("/1") + get("/2"))

    assert await exchange(peer, b"") == b"GET /1 0"
    assert await exchange(peer, b"") == b"GET /2 0"


async def test_a_body_that_comes_in_parts(gateway: Gateway) -> None:
    peer = await gateway.connect()
    peer.write(b"POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"a" * 10)
    for _ in range(9):
        peer.write(b"a" * 10_000)

    assert await exchange(peer, b"a" * 9990) == b"POST /up 100000"


async def test_an_absolute_target_is_the_path_in_it(gateway: Gateway) -> None:
    peer = await gateway.connect()

    assert await exchange(peer, get("http://x/a%20b?c=d")) == b"GET /a b 0"


async def test_the_software_is_not_named(gateway: Gateway) -> None:
    peer = await gateway.connect()
    peer.write(get("/"))

    assert b"server:" not in (await peer.answer()).lower()


class TestLateUpgrade:
    """Reverse proxies keep connections alive and send an upgrade on one that has served HTTP."""

    async def test_it_opens_like_one_that_came_first(self, gateway: Gateway) -> None:
        peer = await gateway.connect()
        await exchange(peer, get("/"))
        peer.write(head("/a%20b/c?x=1"))

        assert (await peer.answer()).startswith(b"HTTP/1.1 101 ")
        session = await gateway.session()
        assert (session.request.path, session.request.query) == (b"/a%20b/c", b"x=1")
        assert session.request.headers["upgrade"] == "websocket"
        assert isinstance(session.connection, FastConnection)
        assert (gateway.listener.connections, gateway.listener.websockets) == (1, 1)
        peer.send(b"hello")
        await session.until(lambda me: me.messages == [b"hello"])
        session.connection.send(Frame(b"back"))
        assert await peer.frame() == (2, b"back")
        await peer.drop()
        assert await session.end() is None

    async def test_all_at_once(self, gateway: Gateway) -> None:
        """Request, upgrade and frames in one packet: the answers come in order, no byte is lost."""
        peer = await gateway.connect()
        frames = client_frame(2, b"one") + client_frame(2, b"x" * 200_000) + client_frame(2, b"three")
        peer.write(get("/1") + get("/2") + head("/late") + frames)

        assert await exchange(peer, b"") == b"GET /1 0"
        assert await exchange(peer, b"") == b"GET /2 0"
        assert (await peer.answer()).startswith(b"HTTP/1.1 101 ")
        session = await gateway.session()
        await session.until(lambda me: me.messages == [b"one", b"x" * 200_000, b"three"])

    async def test_frames_that_come_while_the_request_before_is_answered(
        self, start_gateway: StartGateway
    ) -> None:
        app = Slow()
        gateway = await start_gateway(app=app)
        peer = await gateway.connect()
        peer.write(get("/"))
        await app.asked.wait()
        peer.write(head("/late"))
        for number in range(100):
            peer.write(client_frame(2, bytes((number,)) * 2000))
            await asyncio.sleep(0)
        app.may_answer.set()

        assert (await peer.answer()).startswith(b"HTTP/1.1 200 ")
        assert await peer.reader.readexactly(4) == b"done"
        assert (await peer.answer()).startswith(b"HTTP/1.1 101 ")
        session = await gateway.session()
        await session.until(lambda me: len(me.messages) == 100)
        assert session.messages == [bytes((number,)) * 2000 for number in range(100)]

    async def test_a_refusal_says_why(self, gateway: Gateway) -> None:
        peer = await gateway.connect()
        await exchange(peer, get("/"))
        peer.write(head(Sec_WebSocket_Version="8"))

        answer = await peer.all()

        assert answer.startswith(b"HTTP/1.1 426 ")
        assert b"Only version 13" in answer
        assert gateway.listener.counts.refused == {426: 1}
        assert gateway.sessions == []

    async def test_the_cap_holds(self, start_gateway: StartGateway) -> None:
        gateway = await start_gateway(max_connections=1, http_reserve=10)
        await gateway.open()
        peer = await gateway.connect()
        await exchange(peer, get("/"))
        peer.write(head())

        assert (await peer.all()).startswith(b"HTTP/1.1 503 ")

    async def test_a_remote_that_has_ended_its_side_gets_nothing(self, gateway: Gateway) -> None:
        peer = await gateway.connect()
        peer.write(get("/") + head())
        peer.end()

        answer = await peer.all()

        assert answer.endswith(b"GET / 0")
        assert gateway.sessions == []
        await asyncio.wait_for(gateway.listener._quiet.wait(), 5)

    async def test_a_long_silence_does_not_end_it(self, start_gateway: StartGateway) -> None:
        """The time-outs of HTTP stay behind with HTTP."""
        gateway = await start_gateway(keep_alive_timeout_seconds=0.05, head_timeout_seconds=0.05)
        peer = await gateway.connect()
        await exchange(peer, get("/"))
        peer.write(head())
        await peer.answer()
        session = await gateway.session()
        await asyncio.sleep(0.2)  # a time-out that was left armed would fire now

        peer.send(b"hello")
        await session.until(lambda me: me.messages == [b"hello"])

    async def test_closing_while_a_refused_one_lingers(self, gateway: Gateway) -> None:
        peer = await gateway.connect()
        await exchange(peer, get("/"))
        peer.stop_reading()
        peer.write(head(Sec_WebSocket_Version="8"))
        async with asyncio.timeout(10):
            while not gateway.listener.counts.refused:  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.001)

        await gateway.listener.close(grace_seconds=0.05)

        assert gateway.listener.connections == 0


@pytest.mark.parametrize("first", [True, False])
async def test_http_2_is_not_spoken(gateway: Gateway, first: bool) -> None:
    """Hypercorn would change to it when asked by `Upgrade: h2c`."""
    peer = await gateway.connect()
    if not first:
        await exchange(peer, get("/"))
    asking = (
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
    )

    assert await exchange(peer, get("/a")[:-2] + asking + b"\r\n") == b"GET /a 0"


async def test_the_preface_of_http_2_later_on(gateway: Gateway) -> None:
    peer = await gateway.connect()
    await exchange(peer, get("/"))
    peer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

    assert (await peer.answer()).startswith(b"HTTP/1.1 ")


async def test_an_application_that_raises(
    start_gateway: StartGateway, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    gateway = await start_gateway(app=broken)
    peer = await gateway.connect()
    peer.write(get("/"))

    assert (await peer.answer()).startswith(b"HTTP/1.1 500 ")
    assert [record.exc_info is not None for record in caplog.records] == [True]


async def test_requests_are_not_logged(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "collab_server")
    peer = await gateway.connect()
    await exchange(peer, get("/secret?token=abc"))
    await peer.drop()

    assert caplog.records == []


async def test_an_idle_connection_is_closed(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(keep_alive_timeout_seconds=0.05)
    peer = await gateway.connect()
    await exchange(peer, get("/"))

    assert await peer.all() == b""


async def test_half_of_a_second_head_is_not_waited_for(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(keep_alive_timeout_seconds=0.05)
    peer = await gateway.connect()
    await exchange(peer, get("/"))
    peer.write(b"GET / HTTP/1.1\r\nHo")

    assert await peer.all() == b""


class Slow:
    """An application whose answer waits for the test."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.set()
        await self.may_answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"done"})


async def test_closing_waits_for_a_running_request(start_gateway: StartGateway) -> None:
    app = Slow()
    gateway = await start_gateway(app=app)
    peer = await gateway.connect()
    peer.write(get("/"))
    await app.asked.wait()

    closing = asyncio.create_task(gateway.listener.close(grace_seconds=10))
    await asyncio.sleep(0)
    app.may_answer.set()

    assert (await peer.all()).endswith(b"\r\n\r\ndone")
    await closing


async def test_closing_gives_up_after_the_grace(start_gateway: StartGateway) -> None:
    app = Slow()
    gateway = await start_gateway(app=app)
    peer = await gateway.connect()
    peer.write(get("/"))
    await app.asked.wait()

    await asyncio.wait_for(gateway.listener.close(grace_seconds=0.05), 5)

    assert gateway.listener.connections == 0


async def flood(scope: Any, receive: Any, send: Any) -> None:
    """An answer without an end."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})


async def test_closing_drops_a_client_that_does_not_read(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(app=flood)
    peer = await gateway.connect(limit=1000)
    peer.write(get("/"))
    await peer.answer()

    await asyncio.wait_for(gateway.listener.close(grace_seconds=0.05), 5)

    assert gateway.listener.connections == 0


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the kernel has no such timeout")
async def test_a_client_that_reads_nothing_is_dropped_in_time(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(app=flood, http_stall_timeout_seconds=1.0)
    peer = await gateway.connect(limit=1000)
    peer.write(get("/"))
    await peer.answer()

    await asyncio.wait_for(gateway.listener._quiet.wait(), 30)


@pytest.mark.parametrize("ending", ["eof", "connection: close"])
async def test_a_remote_that_has_gone_holds_no_place(start_gateway: StartGateway, ending: str) -> None:
    """Story: eight finished requests held the places of eight students for fifteen seconds."""
    gateway = await start_gateway()
    peer = await gateway.connect()
    more = b"Connection: close\r\n" if ending != "eof" else b""
    peer.write(b"GET / HTTP/1.1\r\nHost: x\r\n" + more + b"\r\n")
    if ending == "eof":
        peer.end()
    assert (await peer.all()).startswith(b"HTTP/1.1 200 ")
    await asyncio.wait_for(gateway.listener._quiet.wait(), 5)


async def test_a_half_closed_remote_is_answered(start_gateway: StartGateway) -> None:
    app = Slow()
    gateway = await start_gateway(app=app)
    peer = await gateway.connect()
    peer.write(get("/"))
    peer.end()
    await app.asked.wait()
    app.may_answer.set()
    assert (await peer.all()).endswith(b"\r\n\r\ndone")
    await asyncio.wait_for(gateway.listener._quiet.wait(), 5)
