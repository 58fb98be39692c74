"""Simulated worlds: browsers with tabs, a network that cuts, a server that restarts; at rest all are equal.

A world is its seed: the script (who does what after whom) follows from it, the timing does not. Owns the
script; tabs live in Node (`node/world.mjs`), faults in `tests.support.proxy`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from random import Random

from tests.oracle.judge import NODE_DIRECTORY
from tests.support.node import NodeProcess
from tests.support.proxy import FaultyProxy
from tests.support.server import HOST, ServerProcess

#: Worlds come to rest in well under a second; a busy machine is given more.
REST_SECONDS = 20.0
MAX_TABS = 6
JOINER = "joiner"


def tabs_process() -> NodeProcess:
    """The process that holds the tabs of one world after the other."""
    return NodeProcess("world.mjs", cwd=NODE_DIRECTORY)


@dataclass(slots=True)
class Tab:
    """An open page."""

    name: str
    browser: int
    database: bool


class World:
    """One world against a running server, which it may restart."""

    def __init__(
        self,
        seed: int,
        server: ServerProcess,
        node: NodeProcess,
        *,
        saves: bool = True,
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        self.random = Random(seed)
        self.room = f"world/{seed} ж"
        self._server = server
        self._node = node
        self._saves = saves
        self._rest_seconds = rest_seconds
        self._broadcast = self.random.random() < 0.6
        self._restarts = self.random.choice((0, 0, 1, 1, 2)) if saves else 0
        self._proxies: list[FaultyProxy] = []
        self._tabs: list[Tab] = []
        self._names = 0
        self.done: list[str] = []

    async def run(self) -> None:
        """Play the script, heal everything, and compare. Raises AssertionError; `done` tells the script."""
        async with AsyncExitStack() as stack:
            for _ in range(self.random.randint(1, 3)):
                self._proxies.append(await stack.enter_async_context(FaultyProxy(HOST, self._server.port)))
            try:
                await self._play()
                await self._rest()
            finally:
                await self._node.call("clear")

    async def _play(self) -> None:
        await self._open(database=False)
        await self._node.call("anchor" if self._saves else "edit", name=self._tabs[0].name, count=3)
        for _ in range(self.random.randint(25, 70)):
            weights = list(_STEPS.values())
            step = self.random.choices(list(_STEPS), weights)[0]
            self.done.append(step.__name__)
            await step(self)

    # --- what happens ---

    async def edit(self) -> None:
        if self._tabs:
            tab = self.random.choice(self._tabs)
            await self._node.call("edit", name=tab.name, count=self.random.randint(1, 4))

    async def wait(self) -> None:
        """Time passes; now and then enough for everything to arrive."""
        await asyncio.sleep(self.random.choice((0.0, 0.002, 0.01, 0.03, 0.1)))

    async def open(self) -> None:
        if len(self._tabs) < MAX_TABS:
            await self._open(database=self.random.random() < 0.5)

    async def close(self) -> None:
        if len(self._tabs) > 1:
            tab = self._tabs.pop(self.random.randrange(len(self._tabs)))
            await self._node.call("close", name=tab.name)

    async def reload(self) -> None:
        """A page comes back, from its database if it has one, and then perhaps with its client id."""
        if not self._tabs:
            return
        tab = self._tabs.pop(self.random.randrange(len(self._tabs)))
        client = await self._node.call("close", name=tab.name)
        same = tab.database and self.random.random() < 0.5
        await self._open(browser=tab.browser, database=tab.database, client=client if same else None)

    async def cut(self) -> None:
        self.random.choice(self._proxies).cut()

    async def lose_network(self) -> None:
        proxy = self.random.choice(self._proxies)
        proxy.refusing = not proxy.refusing
        proxy.cut()

    async def slow_network(self) -> None:
        self.random.choice(self._proxies).delay_seconds = self.random.choice((0.0, 0.005, 0.03))

    async def toggle_provider(self) -> None:
        """A page that disconnects by itself, and one that connects again."""
        if self._tabs:
            name = self.random.choice(self._tabs).name
            await self._node.call(self.random.choice(("disconnect", "connect")), name=name)

    async def restart(self) -> None:
        if self._restarts > 0:
            self._restarts -= 1
            await self._server.restart(kill=self.random.random() < 0.5)

    async def _open(self, *, browser: int | None = None, database: bool, client: int | None = None) -> None:
        number = self.random.randrange(len(self._proxies)) if browser is None else browser
        self._names += 1
        tab = Tab(f"tab-{self._names}", number, database)
        options = {"clientId": client} if client is not None else {}
        await self._node.call(
            "open",
            name=tab.name,
            browser=f"browser-{number}",
            url=self._proxies[number].url,
            room=self.room,
            seed=self.random.getrandbits(32),
            database=database,
            broadcast=self._broadcast,
            observer=self.random.random() < 0.3,
            gc=self.random.random() < 0.7,
            anchored=self._saves and bool(self._tabs or self._names > 1),
            **options,
        )
        self._tabs.append(tab)

    # --- at rest ---

    async def _rest(self) -> None:
        for proxy in self._proxies:
            proxy.refusing = False
            proxy.delay_seconds = 0.0
        for tab in self._tabs:
            # A tab never passes on what it knows from a sibling alone; it tells when it connects again.
            if self._broadcast:
                await self._node.call("disconnect", name=tab.name)
            await self._node.call("connect", name=tab.name)
        await self._equal()
        await self._join()
        await self._equal()
        if self._saves and self.random.random() < 0.5:
            await self._come_back()
        problems = await self._node.call("problems")
        assert problems == [], problems

    async def _come_back(self) -> None:
        """What was saved is there after a kill -9 or an orderly restart, for everybody and for a joiner."""
        await self._node.call("saved", name=JOINER)
        await self._node.call("close", name=JOINER)
        await self._server.restart(kill=self.random.random() < 0.7)
        await self._join()
        await self._equal()

    async def _join(self) -> None:
        await self._node.call(
            "open",
            name=JOINER,
            browser=JOINER,
            url=self._server.url,
            room=self.room,
            seed=0,
            database=False,
            broadcast=False,
            observer=False,
            gc=True,
            anchored=self._saves,
        )

    async def _equal(self) -> None:
        # The stand-in hands on what waits for something lost, so that its joiners wait too.
        complete = JOINER if self._saves else None
        bound = self._rest_seconds + 20
        await self._node.call("rest", timeout=self._rest_seconds, joiner=complete, bound=bound)


_STEPS: dict[Callable[[World], Awaitable[None]], float] = {
    World.edit: 50,
    World.wait: 20,
    World.open: 7,
    World.close: 3,
    World.reload: 6,
    World.cut: 6,
    World.lose_network: 4,
    World.slow_network: 3,
    World.toggle_provider: 4,
    World.restart: 2,
}
