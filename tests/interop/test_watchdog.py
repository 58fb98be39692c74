"""Stock clients drop a connection on which no data came for 30 s. A quiet room must not look dead to them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.conftest import StartClient
from tests.support.node import Y_WEBSOCKET_VERSIONS, NodeClient
from tests.support.server import ServerProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]

#: Two rounds of the clients' watchdog, and some.
IDLE_SECONDS = 65.0


async def stays_quiet(client: NodeClient) -> list[dict[str, Any]]:
    """What happened to the connection of an idle client meanwhile."""
    await client.wait("synced")
    seen = len(await client.events())
    # Nothing is to happen, so there is nothing to wait on.
    await asyncio.sleep(IDLE_SECONDS)
    later = (await client.events())[seen:]
    return [event for event in later if event["type"] in ("status", "connection-close", "sync")]


async def test_an_idle_client_is_not_reconnected(
    server: ServerProcess, mute: ServerProcess, node_client: StartClient
) -> None:
    """Each version alone in a room; one more that shows no awareness; and the control on a silent server."""
    process = (await node_client()).process
    clients = [
        await NodeClient(process, version).open(version, server.url, f"idle/{version}")
        for version in Y_WEBSOCKET_VERSIONS
    ]
    hidden = await NodeClient(process, "hidden").open("3.1", server.url, "idle/hidden")
    await hidden.call("setAwarenessState", state=None)
    control = await NodeClient(process, "control").open("3.1", mute.url, "idle")
    *ours, silent = await asyncio.gather(*map(stays_quiet, (*clients, hidden, control)))
    assert ours == [[]] * len(ours)
    assert any(event["type"] == "connection-close" for event in silent), "the control was not cut: too short"
