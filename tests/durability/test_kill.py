"""kill -9 at random moments under load: what was reported journaled is there after the restart."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest

from tests.conftest import StartClient
from tests.durability.crowd import (
    Outcome,
    StockTypist,
    Table,
    Typist,
    examine,
    examine_stock,
    numbers_in,
    text_in,
    work_until_killed,
)
from tests.support.node import NodeClient
from tests.support.server import HOST, ServerProcess, our_server

pytestmark = pytest.mark.slow

KILLS = 50
SOAK_KILLS = 500
#: Of 50 kills; fewer would mean that the moment of interest is missed.
LEAST_BETWEEN = 20
FAULTY_KILLS = 10
FAULTY_SERVER = Path(__file__).resolve().parents[1] / "support" / "faulty_server.py"


def seed() -> int:
    """Printed with the outcome, so that a run can be repeated with COLLAB_TEST_SEED."""
    return int(os.environ.get("COLLAB_TEST_SEED", random.SystemRandom().randrange(1 << 32)))


def tables_of(round_number: int) -> list[Table]:
    """Two rooms of the round with two typists each."""
    return [
        Table(room, [Typist(name, room) for name in ("ada", "bob")])
        for room in (f"kill/{round_number}/a", f"kill/{round_number}/b")
    ]


async def kill_often(
    server: ServerProcess, kills: int, *, client: NodeClient | None = None, until_lost: bool = False
) -> Outcome:
    """Kill and restart the running `server`; the book of what came of it."""
    number, outcome = seed(), Outcome()
    chance = random.Random(number)
    stock = StockTypist(client, "kill/stock") if client is not None else None
    if stock is not None:
        await stock.enter(server)
    for round_number in range(kills):
        tables = tables_of(round_number)
        await work_until_killed(server, tables, stock, chance)
        await server.start()
        await examine(server, tables, outcome)
        if stock is not None:
            await examine_stock(server, stock, outcome)
        if until_lost and outcome.lost:
            break
    print(f"seed {number}: {outcome}")
    return outcome


async def is_all_kept(server: ServerProcess, start: StartClient, kills: int) -> None:
    client = await start()
    outcome = await kill_often(server, kills, client=client)
    assert outcome.lost == []
    assert outcome.between >= LEAST_BETWEEN * kills // KILLS, outcome
    assert outcome.reported > 0
    # What the first kills left is untouched by all that came after.
    assert numbers_in(await text_in(server, "kill/0/a"), "ada")
    # The stock client comes back and has, like the server, everything that was typed into its room.
    await client.call("connect")
    await client.wait("synced")
    await client.until_saved(1 << 20)
    assert await text_in(server, "kill/stock") == await client.text()


@pytest.mark.timeout(400)
async def test_fifty_kills_lose_nothing_that_was_reported(
    server: ServerProcess, node_client: StartClient
) -> None:
    await is_all_kept(server, node_client, KILLS)


@pytest.mark.soak
@pytest.mark.timeout(4000)
async def test_five_hundred_kills_lose_nothing_that_was_reported(
    server: ServerProcess, node_client: StartClient
) -> None:
    await is_all_kept(server, node_client, SOAK_KILLS)


@pytest.mark.parametrize("fault", ["acknowledge-first", "write-late"])
async def test_the_loss_is_noticed_when_order_or_sync_is_broken(tmp_path: Path, fault: str) -> None:
    command = [sys.executable, str(FAULTY_SERVER), fault, "serve", "--host", HOST]
    broken = ServerProcess([*command, "--data", str(tmp_path / "data"), "--log-format", "json"])
    await broken.start()
    try:
        outcome = await kill_often(broken, FAULTY_KILLS, until_lost=True)
    finally:
        await broken.kill9()
    assert outcome.lost, f"nothing was lost with the fault {fault}: {outcome}"


async def test_a_killed_server_leaves_a_data_directory_that_opens_at_once(tmp_path: Path) -> None:
    """No lock, no half-written file keeps the next one from starting."""
    data = tmp_path / "data"
    async with our_server(data) as first:
        await first.kill9()
    async with our_server(data) as second:
        assert second.running
