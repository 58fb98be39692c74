"""Messages on their way out: framed once, joined once, whoever sends them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from collab_server.runtime import connection
from collab_server.runtime.connection import Frame, LargeMessage


@pytest.mark.parametrize(("size", "header"), [(125, b"\x82\x7d"), (126, b"\x82\x7e\x00\x7e")])
def test_a_frame_is_its_header_and_its_payload(size: int, header: bytes) -> None:
    frame = Frame(b"x" * size)
    assert frame.wire == header + b"x" * size
    assert frame.payload == b"x" * size
    assert len(frame) == len(frame.wire)


async def test_a_large_message_is_joined_once_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    join, made = connection._join, 0

    def count(pieces: Sequence[bytes | memoryview]) -> bytes:
        nonlocal made
        made += 1
        return join(pieces)

    monkeypatch.setattr(connection, "_join", count)
    # Small, larger than a part, and the rest behind the last part.
    pieces = [b"a", memoryview(bytes(700_000)), b"", b"b" * 400_000, b"c" * 200_000, b"d"]
    message = LargeMessage(pieces)
    assert (len(message), message.joined_bytes) == (1_300_002, 0)
    first, *others = await asyncio.gather(*[message.joined() for _ in range(5)])
    assert first == b"".join(pieces)
    assert all(other is first for other in others)
    assert (made, message.joined_bytes) == (1, len(message))


async def test_one_who_goes_while_it_is_joined_holds_up_nobody() -> None:
    message = LargeMessage([b"x" * 1000])
    going, staying = (asyncio.create_task(message.joined()) for _ in range(2))
    await asyncio.sleep(0)
    going.cancel()
    assert await asyncio.wait_for(staying, 5) == b"x" * 1000
    assert going.cancelled()
