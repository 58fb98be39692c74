"""Stock y-websocket clients of three generations, each in its own process, in all nine ordered pairs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from tests.conftest import StartClient
from tests.interop import scenarios
from tests.support.node import Y_WEBSOCKET_VERSIONS, NodeClient
from tests.support.server import ServerProcess
from tests.support.waiting import WaitFailed

pytestmark = pytest.mark.slow

GOING_AWAY = 1012
PAIRS = list(product(Y_WEBSOCKET_VERSIONS, repeat=2))
ROOMS = ("class/7b/notes", "Biologie 7 b", "Übung ☂/数学", "plain", "a+b&c=d", "tilde~and(brackets)")


def room_for(pair: tuple[str, str]) -> str:
    return ROOMS[PAIRS.index(pair) % len(ROOMS)]


async def open_pair(
    server: ServerProcess, start: StartClient, pair: tuple[str, str], room: str
) -> tuple[NodeClient, NodeClient]:
    first, second = await asyncio.gather(start(), start())
    await first.open(pair[0], server.url, room)
    await second.open(pair[1], server.url, room)
    await scenarios.enter(first, second)
    return first, second


def cases() -> Iterator[ParameterSet]:
    """All pairs on the port; over ASGI each version once in each role; one pair over TLS."""
    for pair in PAIRS:
        yield pytest.param("port", pair, id="-with-".join(pair))
    yield pytest.param("tls", ("1.5", "3.1"), id="tls-1.5-with-3.1")
    for pair in zip(Y_WEBSOCKET_VERSIONS, Y_WEBSOCKET_VERSIONS[1:] + Y_WEBSOCKET_VERSIONS[:1], strict=True):
        yield pytest.param("asgi", pair, id=f"asgi-{'-with-'.join(pair)}")


@pytest.mark.parametrize(("server", "pair"), [*cases()], indirect=["server"])
async def test_a_pair_edits_leaves_and_comes_back(
    server: ServerProcess, node_client: StartClient, pair: tuple[str, str]
) -> None:
    first, second = await open_pair(server, node_client, pair, room_for(pair))
    await scenarios.converge(first, second)
    await scenarios.see_each_other(first, second)
    await scenarios.merge_offline(first, second)
    await scenarios.survive_restart(server, first, second, kill=False)
    closes = await first.events("connection-close")
    assert GOING_AWAY in [close["code"] for close in closes], closes
    await scenarios.survive_restart(server, first, second, kill=True)
    await scenarios.vanish(first, second)


async def test_rooms_are_apart(server: ServerProcess, node_client: StartClient) -> None:
    """Two rooms of similar names share nothing."""
    first, second = await asyncio.gather(node_client(), node_client())
    await first.open("3.1", server.url, "a/b")
    await second.open("3.1", server.url, "a b")
    await scenarios.enter(first, second)
    await first.insert("only in a/b")
    third = NodeClient(second.process, "third")
    await third.open("3.1", server.url, "a/b")
    await third.wait("text", equals="only in a/b")
    assert await second.text() == ""


@pytest.mark.parametrize("scenario", [scenarios.converge, scenarios.see_each_other, scenarios.merge_offline])
async def test_control_each_scenario_fails_when_nothing_is_relayed(
    mute: ServerProcess, node_client: StartClient, scenario: object
) -> None:
    assert callable(scenario)
    first, second = await open_pair(mute, node_client, ("3.1", "2.1"), "control")
    with pytest.raises(WaitFailed):
        await scenario(first, second, within=scenarios.CONTROL_PATIENCE)


async def test_control_coming_back_fails_when_nothing_is_relayed(
    mute: ServerProcess, node_client: StartClient
) -> None:
    first, second = await open_pair(mute, node_client, ("3.1", "1.5"), "control")
    with pytest.raises(WaitFailed):
        await scenarios.survive_restart(mute, first, second, kill=True, within=scenarios.CONTROL_PATIENCE + 3)


async def test_control_vanishing_fails_when_nothing_is_relayed(
    mute: ServerProcess, node_client: StartClient
) -> None:
    first, second = await open_pair(mute, node_client, ("3.1", "1.5"), "control")
    with pytest.raises(WaitFailed):
        await scenarios.vanish(first, second, within=scenarios.CONTROL_PATIENCE)


def test_the_clients_are_the_versions_that_they_claim_to_be(node_modules: Path) -> None:
    for version in Y_WEBSOCKET_VERSIONS:
        manifest = (node_modules / "node_modules" / f"y-websocket-{version}" / "package.json").read_text()
        assert f'"version": "{version}.' in manifest
