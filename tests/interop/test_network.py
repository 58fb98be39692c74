"""Stock clients behind a network that cuts, stalls and half closes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.conftest import StartClient, both_ways_in
from tests.interop import scenarios
from tests.support import yproto
from tests.support.editor import Editor
from tests.support.node import Y_WEBSOCKET_VERSIONS, NodeClient
from tests.support.proxy import FaultyProxy
from tests.support.server import HOST, ServerProcess

pytestmark = pytest.mark.slow

CUTS = 3


@pytest.fixture
async def proxy(server: ServerProcess) -> AsyncIterator[FaultyProxy]:
    async with FaultyProxy(HOST, server.port) as running:
        yield running


async def cut_off(proxy: FaultyProxy, client: NodeClient) -> None:
    """Cut every connection of the proxy and wait until the client has come back."""
    seen = len(await client.events())
    proxy.cut()
    await client.wait("event", match={"type": "sync", "synced": True}, **{"from": seen})


@pytest.mark.parametrize("version", Y_WEBSOCKET_VERSIONS)
async def test_edits_around_a_cut_arrive_once(
    server: ServerProcess, proxy: FaultyProxy, node_client: StartClient, version: str
) -> None:
    near, far = await node_client(), await node_client()
    await near.open("3.1", server.url, "network")
    await far.open(version, proxy.url, "network")
    await scenarios.enter(near, far)
    for number in range(CUTS):
        await far.insert(f"before cut {number}, ")
        await cut_off(proxy, far)
        await far.insert(f"after cut {number}, ")
        await near.insert(f"near {number}, ")
        await near.wait("contains", parts=[f"after cut {number}, "])
    text = await scenarios.at_rest(near, far)
    for number in range(CUTS):
        for part in (f"before cut {number}, ", f"after cut {number}, ", f"near {number}, "):
            assert text.count(part) == 1


@both_ways_in
async def test_who_is_cut_off_is_no_longer_seen(
    server: ServerProcess, proxy: FaultyProxy, node_client: StartClient
) -> None:
    near, far = await node_client(), await node_client()
    await near.open("3.1", server.url, "network")
    await far.open("3.1", proxy.url, "network")
    await far.set_awareness("user", {"name": "far"})
    await near.wait("awareness", field="user", equals={"name": "far"})
    proxy.refusing = True
    proxy.cut()
    await near.wait("awarenessGone", clientId=far.client_id)


async def test_what_was_written_during_a_stall_arrives_after_it(
    server: ServerProcess, proxy: FaultyProxy
) -> None:
    async with Editor() as near, Editor() as far:
        await near.connect(f"{server.url}/network")
        await near.joined()
        await far.connect(f"{proxy.url}/network")
        await far.joined()
        proxy.blackhole()
        far.append("during ")
        near.append("meanwhile ")
        near.send(yproto.query_awareness())
        assert near.client is not None
        await near.client.wait_message(lambda m: m.type == yproto.AWARENESS, what="an answer")
        assert str(near.text) == "meanwhile "
        proxy.pass_again()
        await near.wait(
            lambda: str(near.text) == str(far.text) and len(near.text) == len("during meanwhile ")
        )


@both_ways_in
async def test_a_half_closed_connection_is_ended(server: ServerProcess, proxy: FaultyProxy) -> None:
    """A client that only stopped sending has left: WebSocket knows no half-open state."""
    async with Editor() as editor:
        await editor.connect(f"{proxy.url}/network")
        await editor.joined()
        assert editor.client is not None
        proxy.half_close_clients()
        await editor.client.wait_closed()
