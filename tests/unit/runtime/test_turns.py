"""Turns: how many at once, in which order, who may pass."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from collab_server.runtime.turns import Turns


class Queue:
    """Tasks that take a turn each, and keep it until told."""

    def __init__(self) -> None:
        self.turns: Turns[str] = Turns(2)
        self.began: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._done: dict[str, asyncio.Event] = {}

    async def come(self, *names: str) -> None:
        for name in names:
            self._done[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._take(name))
        await self.settle()

    async def _take(self, name: str) -> None:
        async with self.turns.of(name):
            self.began.append(name)
            await self._done[name].wait()

    async def finish(self, *names: str) -> None:
        for name in names:
            self._done[name].set()
        await self.settle()

    async def settle(self) -> None:
        """Until nobody can go on: each step takes a turn of the loop or two."""
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.fixture
async def queue() -> AsyncIterator[Queue]:
    queue = Queue()
    yield queue
    for task in queue.tasks.values():
        task.cancel()
    await asyncio.gather(*queue.tasks.values(), return_exceptions=True)


async def test_so_many_at_once_and_the_others_in_their_order(queue: Queue) -> None:
    await queue.come("a", "b", "c", "d")
    assert queue.began == ["a", "b"]
    await queue.finish("b")
    assert queue.began == ["a", "b", "c"]
    await queue.finish("a", "c")
    assert queue.began == ["a", "b", "c", "d"]


async def test_who_is_in_a_hurry_takes_nobodys_place(queue: Queue) -> None:
    await queue.come("a", "b", "c", "d", "e")
    queue.turns.hurry("d")
    await queue.settle()
    assert queue.began == ["a", "b", "d"]
    await queue.finish("d")
    assert queue.began == ["a", "b", "d"], "it had no place to pass on"
    await queue.finish("a")
    assert queue.began == ["a", "b", "d", "c"]


async def test_hurrying_one_that_does_not_wait_is_nothing(queue: Queue) -> None:
    await queue.come("a", "b", "c")
    queue.turns.hurry("a")
    queue.turns.hurry("nobody")
    await queue.settle()
    assert queue.began == ["a", "b"]


async def test_one_that_is_cancelled_while_it_waits_leaves_the_queue(queue: Queue) -> None:
    await queue.come("a", "b", "c", "d")
    queue.tasks["c"].cancel()
    await queue.finish("a")
    assert queue.began == ["a", "b", "d"]


@pytest.mark.parametrize("place_first", [True, False])
async def test_a_place_given_to_one_that_is_cancelled_is_passed_on(queue: Queue, place_first: bool) -> None:
    await queue.come("a", "b", "c", "d")
    first, last = queue.turns._pass_on, queue.tasks["c"].cancel
    for step in (first, last) if place_first else (last, first):
        step()
    await queue.settle()
    assert queue.began == ["a", "b", "d"]


async def test_an_error_in_a_turn_frees_its_place() -> None:
    turns: Turns[str] = Turns(1)
    with pytest.raises(ValueError, match="inside"):
        async with turns.of("a"):
            raise ValueError("inside")
    async with turns.of("b"):
        pass
