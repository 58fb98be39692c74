"""What two participants live through, as functions: the tests run them on our server and on a control.

A scenario fails with WaitFailed when what it waits for does not come. `within` bounds each of its waits, so
that the control does not take long to fail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from tests.support.node import NodeClient
from tests.support.server import ServerProcess
from tests.support.waiting import PATIENCE

#: Bound of each wait on a control, which is expected to fail.
CONTROL_PATIENCE = 2.0
#: Within this the others see somebody who came back: well before the client renews its state (15 s).
BACK_SECONDS = 6.0


async def _both(first: Awaitable[object], second: Awaitable[object]) -> None:
    await asyncio.gather(first, second)


async def enter(first: NodeClient, second: NodeClient, *, within: float = PATIENCE) -> None:
    await _both(first.wait("synced", within=within), second.wait("synced", within=within))


async def at_rest(first: NodeClient, second: NodeClient, *, within: float = PATIENCE) -> str:
    """Wait until both hold everything that the other one has; return the text, which must be the same."""
    await first.wait("vector", covers=await second.call("vector"), within=within)
    await second.wait("vector", covers=await first.call("vector"), within=within)
    await second.wait("digest", **await first.call("digest"), within=within)
    assert await first.call("delta") == await second.call("delta")
    assert await first.call("map") == await second.call("map")
    for client in (first, second):
        assert await client.call("pending") is False, "a client waits for something that nobody sent"
    return await first.text()


async def converge(first: NodeClient, second: NodeClient, *, within: float = PATIENCE) -> None:
    """One after the other, then both at once: inserts, deletes, formats, a map."""
    await first.insert("Hello ")
    await second.wait("text", equals="Hello ", within=within)
    await second.insert("wörld ☂")
    await first.wait("text", equals="Hello wörld ☂", within=within)
    await _both(first.insert("A", at=0), second.insert("B", at=0))
    await _both(
        first.call("format", at=0, count=3, attributes={"bold": True}),
        second.delete(4, 2),
    )
    await _both(
        first.call("setMap", key="title", value={"words": 2}),
        second.call("setMap", key="title", value=["two"]),
    )
    text = await at_rest(first, second, within=within)
    assert len(text) == len("ABHello wörld ☂") - 2
    assert {"A", "B"} <= set(text)


async def see_each_other(first: NodeClient, second: NodeClient, *, within: float = PATIENCE) -> None:
    """Each sees the other's awareness, its changes, and that it is gone when it leaves.

    A client that comes back takes the others' states only once they are newer than when it left (y-protocols
    keeps the clocks), so the first one moves its cursor before the second is asked what it sees.
    """
    await first.set_awareness("user", {"name": "Mira", "color": "#ffb703"})
    assert await second.wait(
        "awareness", field="user", equals={"name": "Mira", "color": "#ffb703"}, within=within
    )
    await second.set_awareness("user", {"name": "Ünal"})
    seen = await first.wait("awareness", field="user", equals={"name": "Ünal"}, within=within)
    assert seen == second.client_id
    await second.set_awareness("cursor", [1, 2])
    await first.wait("awareness", field="cursor", equals=[1, 2], within=within)
    await second.call("disconnect")
    await first.wait("awarenessGone", clientId=second.client_id, within=within)
    await second.call("connect")
    await first.wait("awareness", field="user", equals={"name": "Ünal"}, within=min(within, BACK_SECONDS))
    await first.set_awareness("cursor", [3, 4])
    await second.wait("awareness", field="cursor", equals=[3, 4], within=within)


async def vanish(first: NodeClient, second: NodeClient, *, within: float = PATIENCE) -> None:
    """The second one's computer dies; the first one no longer sees it."""
    await second.set_awareness("user", {"name": "Ghost"})
    await first.wait("awareness", field="user", equals={"name": "Ghost"}, within=within)
    await second.process.kill()
    await first.wait("awarenessGone", clientId=second.client_id, within=within)


async def merge_offline(first: NodeClient, second: NodeClient, *, within: float = PATIENCE) -> None:
    """Both write while offline; what they wrote is merged when they are back."""
    await _both(first.call("disconnect"), second.call("disconnect"))
    await first.insert("[first was offline]")
    await second.insert("[second was offline]")
    await second.delete(0, 2)
    await _both(first.call("connect"), second.call("connect"))
    both = ["[first was offline]", "[second was offline]"]
    await _both(
        first.wait("contains", parts=both, within=within), second.wait("contains", parts=both, within=within)
    )
    await at_rest(first, second, within=within)


async def survive_restart(
    server: ServerProcess, first: NodeClient, second: NodeClient, *, kill: bool, within: float = PATIENCE
) -> None:
    """The server goes away and comes back; both come back by themselves, edit and see each other."""
    before = len(await first.events())
    await server.restart(kill=kill)
    for client in (first, second):
        await client.wait("event", match={"type": "sync", "synced": True}, **{"from": before}, within=within)
    await enter(first, second, within=within)
    await first.insert(f"<after {server.pid}>")
    await second.wait("contains", parts=[f"<after {server.pid}>"], within=within)
    await second.set_awareness("seen", server.pid)
    await first.wait("awareness", field="seen", equals=server.pid, within=within)
    await at_rest(first, second, within=within)
