"""The buffer of a connection's parser: given back, kept while it is needed again and again, never cut off."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from collab_server.gateway import parser_size
from collab_server.gateway.picows_parser import READ_BUFFER_BYTES
from collab_server.gateway.websocket_fast import FastConnection
from tests.support.rawclient import client_frame
from tests.unit.gateway.wiring import Gateway, Recorder

MEGABYTE = 1_000_000


def parser_room(session: Recorder) -> int:
    """Free bytes in the read buffer of the parser."""
    assert isinstance(session.connection, FastConnection)
    parser: Any = session.connection._transport.get_protocol()
    return len(parser.get_buffer(-1))


async def test_a_large_frame_does_not_keep_its_buffer(gateway: Gateway) -> None:
    peer, session = await gateway.open()
    for number in range(3):
        peer.send(bytes((number,)) * MEGABYTE)
        peer.send(b"small")
    await session.until(lambda me: len(me.messages) == 6)

    assert session.messages == [message for n in range(3) for message in (bytes((n,)) * MEGABYTE, b"small")]
    assert parser_room(session) <= READ_BUFFER_BYTES


async def test_one_that_gets_large_frames_again_and_again_keeps_its_buffer(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parser_size, "_LARGE_FRAME_PAUSE_SECONDS", 0.2)
    peer, session = await gateway.open()
    for _ in range(2):
        peer.send(b"x" * 100_000)
        peer.send(b"small")
    await session.until(lambda me: len(me.messages) == 4)
    assert parser_room(session) > READ_BUFFER_BYTES
    await asyncio.sleep(0.25)
    peer.send(b"small")
    await session.until(lambda me: len(me.messages) == 5)
    assert parser_room(session) <= READ_BUFFER_BYTES


async def test_it_is_kept_while_the_next_frame_is_in_it(gateway: Gateway) -> None:
    peer, session = await gateway.open()
    data = b"".join(client_frame(2, bytes((n,)) * 300_000) for n in range(30))
    for start in range(0, len(data), 77_777):
        peer.write(data[start : start + 77_777])
        await asyncio.sleep(0)
    await session.until(lambda me: len(me.messages) == 30)

    assert session.messages == [bytes((n,)) * 300_000 for n in range(30)]
    peer.send(b"end")
    await session.until(lambda me: len(me.messages) == 31)
    assert parser_room(session) <= READ_BUFFER_BYTES


async def test_fragments_go_on_in_a_new_parser(gateway: Gateway) -> None:
    peer, session = await gateway.open()
    peer.send(b"a" * 300_000, fin=False)
    await asyncio.sleep(0.05)  # the frame is read alone, and its parser shed
    peer.send(b"b", opcode=0)
    await session.until(lambda me: me.messages)

    assert session.messages == [b"a" * 300_000 + b"b"]
