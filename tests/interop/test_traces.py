"""Two real typing histories, sent by stock clients, end as they ended for the people who typed them."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartClient
from tests.support.node import NodeClient
from tests.support.server import ServerProcess
from tests.support.waiting import WaitFailed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

DATA = Path(__file__).resolve().parents[1] / "data"
FRIENDS = DATA / "friendsforever.json.gz"
PAPER = DATA / "automerge-paper.json.gz"
#: Bound of a whole replay, in seconds.
REPLAY = 150.0
#: Transactions that the lone writer's editor puts into one update. (Two writers send each of theirs alone.)
PAPER_BATCH = 50


def digest_of(text: str) -> dict[str, Any]:
    """As the Node clients compute it: length in UTF-16 units, hash of the UTF-8 text."""
    return {
        "length": len(text.encode("utf-16-le")) // 2,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }


async def ends_as(expected: dict[str, Any], *clients: NodeClient, within: float = 60.0) -> None:
    await asyncio.gather(*(client.wait("digest", within=within, **expected) for client in clients))


async def replay(client: NodeClient, updates: Path, agent: int, *, within: float) -> int:
    """Send one agent's half; returns the number of messages it took."""
    bounds = {"timeout": within, "bound": within + 60}
    return int(await client.call("replayTrace", path=str(updates), agent=agent, **bounds))


async def test_friends_forever_by_two_clients(
    server: ServerProcess, node_client: StartClient, tmp_path: Path
) -> None:
    first, second, third = await asyncio.gather(node_client(), node_client(), node_client())
    updates = tmp_path / "updates.json"
    made = await third.call("makeTrace", path=str(FRIENDS), to=str(updates), bound=60)
    expected = digest_of(made["endContent"])
    await first.open("3.1", server.url, "friends")
    await second.open("2.1", server.url, "friends")
    await asyncio.gather(first.wait("synced"), second.wait("synced"))
    sent = await asyncio.gather(
        replay(first, updates, 0, within=REPLAY), replay(second, updates, 1, within=REPLAY)
    )
    assert sent == made["updates"]
    await ends_as(expected, first, second)
    await third.open("1.5", server.url, "friends")
    await ends_as(expected, third)
    await first.until_saved()
    await asyncio.gather(*(client.call("close") for client in (first, second, third)))
    await server.restart(kill=True)
    await third.open("3.1", server.url, "friends")
    await ends_as(expected, third)


async def test_a_paper_by_one_client(server: ServerProcess, node_client: StartClient) -> None:
    writer, reader = await asyncio.gather(node_client(), node_client())
    await writer.open("3.1", server.url, "paper")
    await writer.wait("synced")
    typed = await writer.call("typeTrace", path=str(PAPER), batch=PAPER_BATCH, bound=REPLAY)
    expected = digest_of(typed["endContent"])
    await ends_as(expected, writer)
    await reader.open("2.1", server.url, "paper")
    await ends_as(expected, reader)
    await writer.until_saved()
    await asyncio.gather(writer.call("close"), reader.call("close"))
    await server.restart(kill=True)
    await reader.open("3.1", server.url, "paper")
    await ends_as(expected, reader)


async def test_control_the_history_stops_when_nothing_is_relayed(
    mute: ServerProcess, node_client: StartClient, tmp_path: Path
) -> None:
    first, second = await asyncio.gather(node_client(), node_client())
    updates = tmp_path / "updates.json"
    await first.call("makeTrace", path=str(FRIENDS), to=str(updates), bound=60)
    await first.open("3.1", mute.url, "friends")
    await second.open("2.1", mute.url, "friends")
    with pytest.raises(WaitFailed):
        await asyncio.gather(replay(first, updates, 0, within=3), replay(second, updates, 1, within=3))


async def test_control_the_paper_does_not_arrive_when_nothing_is_relayed(
    mute: ServerProcess, node_client: StartClient
) -> None:
    writer, reader = await asyncio.gather(node_client(), node_client())
    await writer.open("3.1", mute.url, "paper")
    await writer.wait("synced")
    await writer.insert("a paper")
    await reader.open("2.1", mute.url, "paper")
    with pytest.raises(WaitFailed):
        await ends_as(digest_of("a paper"), reader, within=3)
