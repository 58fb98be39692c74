"""Many large messages at once: each gets its turn, no turn of the loop writes more than its share."""

from __future__ import annotations

import asyncio

import pytest

from collab_server.gateway.large_turns import TURN_BYTES, LargeTurns

_FRAGMENT = 128 * 1024


class Writer:
    """Has so many fragments, and notes in which turn of the loop each was written."""

    def __init__(self, fragments: int, log: list[Writer]) -> None:
        self.left = fragments
        self.log = log
        self.done = asyncio.Event()

    def write_some(self) -> int | None:
        if not self.left:
            self.done.set()
            return None
        self.left -= 1
        self.log.append(self)
        return _FRAGMENT


async def test_all_are_served_in_rotation() -> None:
    turns, log = LargeTurns(asyncio.get_running_loop()), list[Writer]()
    writers = [Writer(3, log) for _ in range(20)]
    for writer in writers:
        turns.ask(writer)
    await asyncio.wait_for(asyncio.gather(*[writer.done.wait() for writer in writers]), 5)
    assert log == writers * 3


async def test_a_turn_writes_no_more_than_its_share() -> None:
    """Story: fifty joiners of 20 MB each wrote half a megabyte in one turn; others' edits took 0.7 s."""
    turns, log = LargeTurns(asyncio.get_running_loop()), list[Writer]()
    writers = [Writer(2, log) for _ in range(50)]
    for writer in writers:
        turns.ask(writer)
    written = 0
    while written < 100:
        await asyncio.sleep(0)
        assert (len(log) - written) * _FRAGMENT <= TURN_BYTES
        written = len(log)


async def test_who_has_nothing_may_ask_again() -> None:
    turns, log = LargeTurns(asyncio.get_running_loop()), list[Writer]()
    writer = Writer(1, log)
    turns.ask(writer)
    await asyncio.wait_for(writer.done.wait(), 5)
    writer.left = 1
    writer.done.clear()
    turns.ask(writer)
    await asyncio.wait_for(writer.done.wait(), 5)
    assert log == [writer, writer]


async def test_no_turn_ends_more_than_one_message() -> None:
    """Story: joiners in lockstep came to their ends one after the other, and what each had missed meanwhile
    was put together in the same turn of the loop.
    """
    turns, log = LargeTurns(asyncio.get_running_loop()), list[Writer]()
    writers = [Writer(0, log) for _ in range(50)]
    for writer in writers:
        turns.ask(writer)
    for ended in range(1, 51):
        await asyncio.sleep(0)
        assert sum(writer.done.is_set() for writer in writers) == ended


async def test_who_cannot_write_costs_nobody_a_turn() -> None:
    class Full(Writer):
        def write_some(self) -> int | None:
            self.done.set()
            return 0

    turns, log = LargeTurns(asyncio.get_running_loop()), list[Writer]()
    full = [Full(1, log) for _ in range(50)]
    for writer in full:
        turns.ask(writer)
    await asyncio.sleep(0)
    assert all(writer.done.is_set() for writer in full)


async def test_a_mistake_of_one_does_not_end_the_turns_of_others() -> None:
    class Broken(Writer):
        def write_some(self) -> int | None:
            raise RuntimeError("a mistake")

    loop = asyncio.get_running_loop()
    told: list[object] = []
    loop.set_exception_handler(lambda _loop, context: told.append(context["exception"]))
    turns, log = LargeTurns(loop), list[Writer]()
    good = Writer(2, log)
    turns.ask(Broken(1, log))
    turns.ask(good)
    await asyncio.wait_for(good.done.wait(), 5)
    assert log == [good, good]
    with pytest.raises(RuntimeError):
        raise told[0]  # type: ignore[misc]
