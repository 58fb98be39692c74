"""Who waits for a base: when it is there, when another takes its place, when it cannot be read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from collab_storage import Base as StoredBase
from collab_storage import UnreadableError

from collab_server.protocol.close_codes import CloseReason
from collab_server.runtime.base_waiters import BaseWaiters
from collab_server.runtime.tasks import TaskOwner
from collab_server.types import RoomKey

FIRST = StoredBase("default", "r", id=1, offset=10, head=b"", size_bytes=1, table_bytes=1, time=0.0)
SECOND = replace(FIRST, id=2, offset=20)
PAST, BEFORE = {1: 10}, {1: 5}


class Cache:
    """Bases by number, read when the test lets them be."""

    def __init__(self) -> None:
        self.gates = {stored.id: asyncio.Event() for stored in (FIRST, SECOND)}
        self.failing: set[int] = set()
        self.cached: dict[int, str] = {}

    def get(self, stored: StoredBase) -> Any:
        return self.cached.get(stored.id)

    async def load(self, stored: StoredBase) -> Any:
        await self.gates[stored.id].wait()
        if stored.id in self.failing:
            raise UnreadableError("flipped", where="bases.sqlite3")
        self.cached[stored.id] = f"base {stored.id}"
        return self.cached[stored.id]


class Session:
    id = "s"

    def __init__(self) -> None:
        self.closing = False
        self.closed: CloseReason | None = None

    def close(self, reason: CloseReason, _: str = "") -> None:
        self.closing, self.closed = True, reason


class Room:
    """Needs its base for whoever is at BEFORE; has so many steps of deleted ranges to encode."""

    steps = 0

    def needs_base(self, state_vector: dict[int, int]) -> bool:
        return state_vector == BEFORE

    def prepare_step_2(self) -> bool:
        self.steps = max(0, self.steps - 1)
        return self.steps == 0


@pytest.fixture
async def scene() -> AsyncIterator[SimpleNamespace]:
    tasks, cache, room, told = TaskOwner(), Cache(), Room(), []
    waiters = BaseWaiters(
        RoomKey("default", "r"), room, stored=FIRST, bases=cache, tasks=tasks, flush=lambda: None
    )

    def ask(session: Session, state_vector: dict[int, int], *, catches_up: bool = False) -> None:
        waiters.ask((session, catches_up), state_vector, lambda _, base: told.append((session, base)))

    yield SimpleNamespace(waiters=waiters, cache=cache, room=room, told=told, ask=ask)
    await tasks.close()


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_one_who_is_past_the_base_does_not_wait(scene: SimpleNamespace) -> None:
    session = Session()
    scene.ask(session, PAST)
    assert scene.told == [(session, None)]
    assert len(scene.waiters) == 0


async def test_all_who_wait_are_told_once_it_is_read(scene: SimpleNamespace) -> None:
    first, second, gone = Session(), Session(), Session()
    for session in (first, second, gone):
        scene.ask(session, BEFORE)
    scene.ask(second, BEFORE)
    scene.waiters.remove(gone)
    assert len(scene.waiters) == 2
    await turns()
    assert scene.told == []
    scene.cache.gates[1].set()
    await turns()
    assert scene.told == [(first, "base 1"), (second, "base 1")]
    scene.ask(first, BEFORE)
    assert scene.told[-1] == (first, "base 1"), "in memory now"
    assert len(scene.told) == 3


async def test_deleted_ranges_are_encoded_step_by_step(scene: SimpleNamespace) -> None:
    scene.room.steps = 5
    scene.ask(Session(), PAST)
    assert scene.told == []
    await turns()
    assert len(scene.told) == 1


async def test_a_base_that_was_overtaken_while_it_was_read(scene: SimpleNamespace) -> None:
    session = Session()
    scene.ask(session, BEFORE)
    await turns()
    scene.waiters.stored = SECOND
    scene.cache.failing.add(1)
    scene.cache.gates[1].set()
    await turns()
    assert (scene.told, session.closed) == ([], None)
    scene.cache.gates[2].set()
    await turns()
    assert scene.told == [(session, "base 2")]


async def test_a_base_that_cannot_be_read(scene: SimpleNamespace) -> None:
    session, later = Session(), Session()
    scene.cache.failing.add(1)
    scene.cache.gates[1].set()
    scene.ask(session, BEFORE)
    await turns()
    assert session.closed is CloseReason.TRY_AGAIN
    assert (scene.told, len(scene.waiters)) == ([], 0)
    scene.cache.failing.clear()
    scene.ask(later, BEFORE)
    await turns()
    assert scene.told == [(later, "base 1")]


async def test_one_who_left_because_of_another_is_not_told(scene: SimpleNamespace) -> None:
    first, second = Session(), Session()

    def send_away(*_: object) -> None:
        second.closing = True

    scene.waiters.ask((first, False), BEFORE, send_away)
    scene.ask(second, BEFORE)
    scene.cache.gates[1].set()
    await turns()
    assert scene.told == []


async def test_others_get_the_loop_between_long_answers(scene: SimpleNamespace) -> None:
    """Story: three hundred who came back after a restart were all answered in one step of the loop."""
    turn, told_in = 0, list[int]()

    def answer_slowly(*_: object) -> None:
        told_in.append(turn)
        until = time.monotonic() + 0.01
        while time.monotonic() < until:
            pass

    for _ in range(4):
        scene.waiters.ask((Session(), False), BEFORE, answer_slowly)
    scene.cache.gates[1].set()
    for turn in range(20):  # noqa: B007 - read above
        await asyncio.sleep(0)
    assert len(told_in) == len(set(told_in)) == 4


async def test_a_base_that_was_overtaken_between_two_answers(scene: SimpleNamespace) -> None:
    first, second = Session(), Session()

    def overtake(session: Session, base: object) -> None:
        scene.told.append((session, base))
        scene.waiters.stored = SECOND

    scene.waiters.ask((first, False), BEFORE, overtake)
    scene.ask(second, BEFORE)
    scene.cache.gates[1].set()
    await turns()
    assert scene.told == [(first, "base 1")]
    scene.cache.gates[2].set()
    await turns()
    assert scene.told == [(first, "base 1"), (second, "base 2")]


async def test_one_who_needs_no_base_does_not_answer_for_one_who_does(scene: SimpleNamespace) -> None:
    """Whoever asks between two answers may need what those before it did not."""
    scene.room.steps, later = 3, Session()

    def let_another_ask(session: Session, base: object) -> None:
        scene.told.append((session, base))
        scene.ask(later, BEFORE)

    first = Session()
    scene.waiters.ask((first, False), PAST, let_another_ask)
    await turns()
    assert scene.told == [(first, None)]
    scene.cache.gates[1].set()
    await turns()
    assert scene.told == [(first, None), (later, "base 1")]


async def test_a_mistake_with_one_ends_its_session_alone(scene: SimpleNamespace) -> None:
    broken, other = Session(), Session()

    def fail(*_: object) -> None:
        raise RuntimeError("a mistake")

    scene.waiters.ask((broken, False), BEFORE, fail)
    scene.ask(other, BEFORE)
    scene.cache.gates[1].set()
    await turns()
    assert broken.closed is CloseReason.INTERNAL
    assert scene.told == [(other, "base 1")]
    assert len(scene.waiters) == 0
