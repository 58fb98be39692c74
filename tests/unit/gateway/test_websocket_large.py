"""Large messages on the fast path: in fragments, as the socket takes them, and all else in its order."""

from __future__ import annotations

import asyncio

from collab_server.runtime.connection import Frame, LargeMessage
from tests.support.waiting import PATIENCE
from tests.unit.gateway.conftest import over_tcp_and_tls
from tests.unit.gateway.wiring import Gateway, Peer

pytestmark = over_tcp_and_tls

MEGABYTE = 1_000_000


def large(fill: bytes, megabytes: int) -> LargeMessage:
    return LargeMessage([b"head", *[fill * MEGABYTE] * megabytes])


async def fragment(peer: Peer) -> tuple[bool, int, bytes]:
    """FIN, opcode and payload of the next frame."""
    async with asyncio.timeout(PATIENCE):
        first, second = await peer.reader.readexactly(2)
        size = second
        if size >= 126:
            size = int.from_bytes(await peer.reader.readexactly(2 if size == 126 else 8), "big")
        return bool(first & 0x80), first & 0x0F, await peer.reader.readexactly(size)


async def message(peer: Peer) -> tuple[bytes, int, list[int]]:
    """A whole message, the number of its fragments, and the control frames between them."""
    parts: list[bytes] = []
    controls: list[int] = []
    while True:
        last, opcode, payload = await fragment(peer)
        if opcode >= 8:
            controls.append(opcode)
            continue
        assert opcode == (0 if parts else 2)
        parts.append(payload)
        if last:
            return b"".join(parts), len(parts), controls


async def test_it_arrives_whole_and_what_was_sent_after_it_follows(gateway: Gateway) -> None:
    peer, session = await gateway.open()
    session.connection.send(Frame(b"before"))
    session.connection.send_large(large(b"x", 5))
    session.connection.send(Frame(b"after"))
    session.connection.send_pair(Frame(b"one"), Frame(b"t" * 20_000))
    session.connection.send_large(large(b"y", 2))
    session.connection.send(Frame(b"last"))
    assert await message(peer) == (b"before", 1, [])
    found, fragments, _ = await message(peer)
    assert found == b"head" + b"x" * 5 * MEGABYTE
    assert fragments > 30
    assert [(await message(peer))[0] for _ in range(3)] == [b"after", b"one", b"t" * 20_000]
    assert (await message(peer))[0] == b"head" + b"y" * 2 * MEGABYTE
    assert (await message(peer))[0] == b"last"
    await session.until(lambda me: me.writing == ["paused", "paused", "resumed"])


async def test_its_pieces_are_shared_and_a_slow_reader_takes_no_more(gateway: Gateway) -> None:
    shared = large(b"x", 20)
    slow, session = await gateway.open()
    slow.stop_reading()
    session.connection.send_large(shared)
    assert session.writing == ["paused"]
    other, quick = await gateway.open()
    quick.connection.send_large(shared)
    assert (await message(other))[0] == b"".join(shared.pieces)
    assert session.connection.buffered > 5 * MEGABYTE
    assert session.writing == ["paused"]
    slow.go_on_reading()
    assert (await message(slow))[0] == b"".join(shared.pieces)
    await session.until(lambda me: me.writing == ["paused", "resumed"])
    assert session.connection.buffered == 0


async def test_pings_come_between_the_fragments(gateway: Gateway) -> None:
    peer, session = await gateway.open()
    peer.stop_reading()
    session.connection.send_large(large(b"x", 20))
    await asyncio.sleep(0)
    session.connection.ping()
    peer.send(b"p", opcode=9)
    peer.send(b"done")
    await session.until(lambda me: me.messages)
    peer.go_on_reading()
    _, _, controls = await message(peer)
    assert sorted(controls) == [9, 10]


async def test_a_close_in_the_middle_ends_it(gateway: Gateway) -> None:
    peer, session = await gateway.open()
    peer.stop_reading()
    session.connection.send_large(large(b"x", 20))
    await asyncio.sleep(0)
    session.connection.close(1012, "restart")
    session.connection.send_large(large(b"y", 1))
    peer.go_on_reading()
    opcode, payload = 2, b""
    while opcode != 8:
        _, opcode, payload = await fragment(peer)
    assert payload == b"\x03\xf4restart"
    peer.send(payload[:2], opcode=8)
    assert await session.end() == 1012


async def test_a_remote_that_goes_away_in_the_middle_is_no_error(gateway: Gateway) -> None:
    peer, session = await gateway.open()
    peer.stop_reading()
    session.connection.send_large(large(b"x", 20))
    await asyncio.sleep(0)
    await peer.drop()
    await session.end()
    assert session.connection.buffered == 0
