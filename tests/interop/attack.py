"""An attacked room, a room beside it, and attackers that each send one message: what everybody noticed.

Owns the cast and the bookkeeping. Which messages are poison, and what must become of them, is for the tests.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.support import yproto
from tests.support.editor import Editor
from tests.support.rawclient import RawClient
from tests.support.server import ServerProcess

#: Seconds in which a sender is told what became of its message. Judged over an attack, so that one pause of a
#: busy machine does not count.
TOLD_WITHIN = 1.0
TOLD_SHARE = 0.95
#: Attackers at work at once. Most wait at the entrance: one whose like was just closed is let in 2 s later.
ATTACKERS = 32
MEGABYTE = 1_000_000
BYSTANDER_INTERVAL = 0.1
ROOM, BESIDE = "attacked/room", "beside/room"


@dataclass(frozen=True, slots=True)
class Shot:
    """One message and what becomes of its sender: closed with `closes`, told `rejected`, or neither."""

    name: str
    message: bytes
    closes: int | None = None
    rejected: str | None = None


@dataclass(slots=True)
class Result:
    """What an attack came to. `complaints` is empty when each sender was told what it should be, in time."""

    complaints: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    rss_growth: int = 0

    @property
    def told_after(self) -> float:
        """Seconds after which nearly all senders were told."""
        return sorted(self.seconds)[int(TOLD_SHARE * (len(self.seconds) - 1))]

    def __str__(self) -> str:
        return (
            f"{len(self.seconds)} messages, told after {self.told_after:.3f} s, at most "
            f"{max(self.seconds):.3f} s; the server grew by {self.rss_growth:,} bytes"
        )


class Neighbours:
    """Two editors of one room who go on writing; they must notice nothing."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.writer = Editor()
        self.reader = Editor()
        self.written = 0

    async def enter(self, server: ServerProcess) -> None:
        for editor in (self.writer, self.reader):
            await editor.connect(f"{server.url}/{self.room}")
            await editor.joined()

    async def leave(self) -> None:
        await asyncio.gather(self.writer.leave(), self.reader.leave())

    async def write(self) -> None:
        """One edit, and wait until the other one has it. Raises WaitFailed."""
        self.writer.append(f"{self.written};")
        self.written += 1
        await self.reader.wait_text(str(self.writer.text))

    async def write_on(self) -> None:
        """Ten edits a second until cancelled, each of which must arrive."""
        while True:
            await self.write()
            # The by-stander's pace.
            await asyncio.sleep(BYSTANDER_INTERVAL)

    def saw_nothing(self) -> None:
        """Still connected; no edit and no presence but their own."""
        for editor in (self.writer, self.reader):
            assert editor.client is not None
            assert editor.client.closed is None, f"{self.room}: {editor.client.closed}"
            state = yproto.decode_state_vector(editor.doc.get_state())
            assert set(state) <= {self.writer.doc.client_id}, f"{self.room}: foreign edits {state}"
            assert editor.awareness == {}, f"{self.room}: foreign presence"


@dataclass(slots=True)
class Scene:
    server: ServerProcess
    peers: Neighbours
    beside: Neighbours


@asynccontextmanager
async def scene(server: ServerProcess) -> AsyncIterator[Scene]:
    """Peers in the attacked room and by-standers in another, the latter writing all the time."""
    peers, beside = Neighbours(ROOM), Neighbours(BESIDE)
    await peers.enter(server)
    await beside.enter(server)
    await peers.write()
    pid = server.pid
    writing = asyncio.create_task(beside.write_on(), name="by-stander")
    try:
        yield Scene(server, peers, beside)
        assert not writing.done(), f"the by-stander stopped: {writing}"
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    await peers.write()
    peers.saw_nothing()
    beside.saw_nothing()
    assert server.running
    assert server.pid == pid
    await asyncio.gather(peers.leave(), beside.leave())


async def attack(target: Scene, shots: Iterable[Shot]) -> Result:
    """Send each shot from a connection of its own, a few at once; what their senders were told."""
    result = Result()
    rss_before = target.server.rss
    places = asyncio.Semaphore(ATTACKERS)

    async def one(shot: Shot) -> None:
        async with places:
            await _fire(target.server, shot, result)
            result.rss_growth = max(result.rss_growth, target.server.rss - rss_before)

    await asyncio.gather(*map(one, shots))
    return result


async def _fire(server: ServerProcess, shot: Shot, result: Result) -> None:
    async with await RawClient.connect(f"{server.url}/{ROOM}") as attacker:
        # Once the server's step 1 is here, nothing but the shot itself takes time.
        await attacker.wait_message(lambda m: m.type == yproto.SYNC, what="step 1")
        attacker.send(yproto.envelope({"op": "hello", "v": 1, "channels": {}}))
        attacker.send(shot.message)
        await attacker.drain()
        began = time.monotonic()
        try:
            await _told(attacker, shot)
        except AssertionError as failure:
            result.complaints.append(f"{shot.name}: {failure}")
        result.seconds.append(time.monotonic() - began)


async def _told(attacker: RawClient, shot: Shot) -> None:
    if shot.closes is not None:
        close = await attacker.wait_closed()
        assert close.code == shot.closes, f"closed with {close}"
    elif shot.rejected is not None:
        rejected = await attacker.wait_message(_is_rejected, what="rejected")
        assert rejected.json["reason"] == shot.rejected
        assert attacker.closed is None
    else:
        await _is_dealt_with(attacker)


async def _is_dealt_with(attacker: RawClient) -> None:
    """An answer to a later question, or the end of the connection: either will do."""
    seen = len(attacker.messages)
    attacker.send(yproto.query_awareness())

    def is_over() -> bool:
        later = map(yproto.decode, attacker.messages[seen:])
        return attacker.closed is not None or any(m.type == yproto.AWARENESS for m in later)

    await attacker.until(is_over, what="an answer or the end")


def _is_rejected(message: yproto.Message) -> bool:
    return message.type == yproto.CHANNEL and message.json["op"] == "rejected"
