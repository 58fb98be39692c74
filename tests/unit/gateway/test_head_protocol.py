"""A connection before its request is complete; the owner only writes down. On sockets: `test_listener`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from collab_server.gateway.head import RefusedRequest, RequestHead
from collab_server.gateway.head_protocol import HeadProtocol, error_response
from collab_server.gateway.settings import GatewaySettings
from tests.support.waiting import PATIENCE

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Owner:
    """Implements `HeadOwner`; what it is asked to give away it keeps, or refuses."""

    def __init__(self, *, refusal: RefusedRequest | None = None, has_room: bool = True) -> None:
        self.settings = GatewaySettings(close_timeout_seconds=0.05)
        self.told: list[object] = []
        self.lost = asyncio.Event()
        self._refusal = refusal
        self._has_room = has_room

    def opened(self, head: HeadProtocol) -> bool:
        self.told.append("opened")
        return self._has_room

    def returned(self, head: HeadProtocol) -> None:
        self.told.append("returned")

    def dispatch(
        self, transport: asyncio.Transport, head: RequestHead, *, received: bytes, rest: bytes
    ) -> None:
        if self._refusal is not None:
            raise self._refusal
        self.told.append((head.method, received, rest))

    def head_done(self, head: HeadProtocol) -> None:
        self.told.append("done")

    def gone(self) -> None:
        self.told.append("gone")
        self.lost.set()

    def count_timeout(self) -> None:
        self.told.append("timeout")

    def count_refusal(self, status: int) -> None:
        self.told.append(status)


@pytest.fixture
async def pair() -> AsyncIterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    with ours, theirs:
        yield ours, theirs


async def test_a_complete_head_is_given_away(pair: tuple[socket.socket, socket.socket]) -> None:
    owner = Owner()
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
        lambda: HeadProtocol(owner), pair[0]
    )
    pair[1].send(GET + b"more")
    async with asyncio.timeout(PATIENCE):
        while len(owner.told) < 3:  # noqa: ASYNC110 - the owner has no event for it
            await asyncio.sleep(0.001)
    transport.abort()
    assert owner.told == ["opened", ("GET", GET + b"more", b"more"), "done"]


async def test_without_room_it_is_dropped(pair: tuple[socket.socket, socket.socket]) -> None:
    owner = Owner(has_room=False)
    await asyncio.get_running_loop().connect_accepted_socket(lambda: HeadProtocol(owner), pair[0])
    await asyncio.wait_for(owner.lost.wait(), PATIENCE)
    assert owner.told == ["opened", "done", "gone"]


async def test_one_that_comes_back_is_refused_like_a_new_one(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """And is dropped in time if it does not read why."""
    owner = Owner(refusal=RefusedRequest(503, "Full."))
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(asyncio.Protocol, pair[0])
    HeadProtocol(owner).resume(transport, RequestHead("GET", b"/", "HTTP/1.1", ()), b"")
    await asyncio.wait_for(owner.lost.wait(), PATIENCE)
    assert owner.told == ["returned", 503, "done", "gone"]
    assert pair[1].recv(1000) == error_response(RefusedRequest(503, "Full."))
