"""People typing while the server is killed, and the book of what each was told.

Owns the load and the bookkeeping: which edits were reported journaled, which somebody else has seen. What
that must mean after the restart is the test's matter.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.support.editor import Editor
from tests.support.node import NodeClient
from tests.support.server import ServerProcess

#: Longest pause between two edits of one typist, in seconds.
PAUSE_SECONDS = 0.012
#: The kill comes within this many seconds of the first edit.
KILL_WITHIN_SECONDS = 0.3
TOKEN = re.compile(r"([a-z]+)(\d+);")


def numbers_in(text: str, name: str) -> set[int]:
    """The numbers of the edits of one typist that a text holds."""
    return {int(number) for typist, number in TOKEN.findall(text) if typist == name}


class Typist:
    """Appends `{name}{n};` and sets the mark n after it, without waiting for anything."""

    def __init__(self, name: str, room: str) -> None:
        self.name = name
        self.room = room
        self.editor = Editor()
        self.typed = 0

    async def enter(self, server: ServerProcess) -> None:
        await self.editor.connect(f"{server.url}/{self.room}")
        await self.editor.joined()
        self.editor.hello()

    async def type(self, chance: random.Random) -> None:
        """Type until cancelled."""
        while True:
            self.editor.append(f"{self.name}{self.typed};")
            self.editor.mark(self.typed)
            self.typed += 1
            # The pace of the load.
            await asyncio.sleep(chance.uniform(0, PAUSE_SECONDS))

    @property
    def reported(self) -> set[int]:
        """Edits under a mark that was reported journaled: a mark covers all before it."""
        return set(range(max(self.editor.saved, default=-1) + 1))


@dataclass(slots=True)
class Table:
    """The typists of one room."""

    room: str
    typists: list[Typist] = field(default_factory=list)

    def relayed(self, author: Typist) -> set[int]:
        """Edits of `author` that somebody else in the room has."""
        others = (typist for typist in self.typists if typist is not author)
        return set().union(*(numbers_in(str(other.editor.text), author.name) for other in others))


@dataclass(slots=True)
class Outcome:
    """What the kills of one run came to."""

    kills: int = 0
    between: int = 0
    truly_between: int = 0
    reported: int = 0
    lost: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.between} between relay and report ({self.truly_between} before the "
            f"commit), {self.reported} edits reported journaled, {len(self.lost)} of them lost"
        )


class StockTypist:
    """A stock provider that stays over all kills, kept offline while its room is checked: it would bring
    back what the server lost."""

    def __init__(self, client: NodeClient, room: str) -> None:
        self.client = client
        self.room = room
        self.next = 0
        self.reported: set[int] = set()

    async def enter(self, server: ServerProcess) -> None:
        await self.client.open("3.1", server.url, self.room, options={"connect": False})

    async def start(self) -> None:
        await self.client.call("connect")
        await self.client.wait("synced")
        await self.client.call("startTyping", prefix="stock", every=8, first=self.next)

    async def leave(self) -> None:
        await self.client.call("disconnect")
        stopped = await self.client.call("stopTyping")
        self.next = stopped["next"]
        self.reported = set(range(max(stopped["saved"], default=-1) + 1))


async def work_until_killed(
    server: ServerProcess, tables: Sequence[Table], stock: StockTypist | None, chance: random.Random
) -> None:
    """Let everybody type, kill the server at a random moment, and read what it had still sent."""
    typists = [typist for table in tables for typist in table.typists]
    await asyncio.gather(*(typist.enter(server) for typist in typists))
    if stock is not None:
        await stock.start()
    async with asyncio.TaskGroup() as group:
        typing = [group.create_task(typist.type(chance), name=typist.name) for typist in typists]
        # A random moment is what is asked for.
        await asyncio.sleep(chance.uniform(0.02, KILL_WITHIN_SECONDS))
        await server.kill9()
        for task in typing:
            task.cancel()
    for typist in typists:
        assert typist.editor.client is not None
        await typist.editor.client.wait_closed()
    if stock is not None:
        await stock.leave()


async def text_in(server: ServerProcess, room: str) -> str:
    """What somebody sees who joins the room with nothing."""
    async with Editor() as fresh:
        await fresh.connect(f"{server.url}/{room}")
        await fresh.joined()
        return str(fresh.text)


async def examine(server: ServerProcess, tables: Sequence[Table], outcome: Outcome) -> None:
    """Compare the rooms of a kill with the book, after the restart."""
    found = [await _examine_table(server, table, outcome) for table in tables]
    outcome.kills += 1
    outcome.between += any(between for between, _ in found)
    outcome.truly_between += any(truly for _, truly in found)


async def _examine_table(server: ServerProcess, table: Table, outcome: Outcome) -> tuple[bool, bool]:
    """Whether an edit was relayed and not yet reported, and whether one was relayed and is not there."""
    text = await text_in(server, table.room)
    between = truly = False
    for typist in table.typists:
        there, relayed = numbers_in(text, typist.name), table.relayed(typist)
        assert there == set(range(len(there))), f"{table.room}: a gap in what {typist.name} typed"
        outcome.reported += len(typist.reported)
        outcome.lost += [f"{table.room} {typist.name}{number}" for number in sorted(typist.reported - there)]
        between |= bool(relayed - typist.reported)
        truly |= bool(relayed - there)
    return between, truly


async def examine_stock(server: ServerProcess, stock: StockTypist, outcome: Outcome) -> None:
    there = numbers_in(await text_in(server, stock.room), "stock")
    outcome.lost += [f"{stock.room} stock{number}" for number in sorted(stock.reported - there)]
