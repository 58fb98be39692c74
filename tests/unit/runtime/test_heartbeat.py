"""The one clock: everybody is looked at within a second, in portions."""

from __future__ import annotations

import asyncio

import pytest

from collab_server.protocol.close_codes import CloseReason
from collab_server.runtime import heartbeat
from collab_server.runtime.heartbeat import Heartbeat


class Ticked:
    def __init__(self) -> None:
        self.ticks = 0
        self.closed = False

    def tick(self, now: float) -> None:
        self.ticks += 1

    def expire(self, now: float) -> None:
        self.ticks += 1


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "_SESSION_PERIOD_SECONDS", 0.05)
    monkeypatch.setattr(heartbeat, "_ROOM_PERIOD_SECONDS", 0.05)


async def test_every_session_and_room_is_looked_at_in_each_period() -> None:
    sessions, rooms = [Ticked() for _ in range(25)], [Ticked(), Ticked()]
    rooms[1].closed = True
    beat = asyncio.create_task(Heartbeat(lambda: sessions, lambda: rooms).run())  # type: ignore[arg-type]
    await asyncio.sleep(0.12)
    beat.cancel()
    await asyncio.gather(beat, return_exceptions=True)
    assert all(session.ticks >= 1 for session in sessions)
    assert rooms[0].ticks >= 1
    assert rooms[1].ticks == 0


async def test_a_mistake_with_one_session_ends_its_session_alone() -> None:
    """Story: an exception in one tick would have ended the keep-alives of the whole server."""

    class Broken(Ticked):
        id = "s"
        reason: object = None

        def tick(self, now: float) -> None:
            raise RuntimeError("a mistake")

        def close(self, reason: object) -> None:
            self.reason = reason

        def expire(self, now: float) -> None:
            raise RuntimeError("a mistake")

        key = "r"

    broken, good, room = Broken(), Ticked(), Ticked()
    beat = asyncio.create_task(
        Heartbeat(lambda: [broken, good], lambda: [Broken(), room]).run()  # type: ignore[list-item]
    )
    async with asyncio.timeout(5):
        while not (good.ticks >= 2 and room.ticks >= 2):  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.005)
    beat.cancel()
    await asyncio.gather(beat, return_exceptions=True)
    assert broken.reason is CloseReason.INTERNAL
