"""Simulated worlds against the real server process: at rest every page and a fresh joiner are equal.

A failing world is played again with `ORACLE_WORLDS=<seed> pytest tests/oracle/test_worlds.py -k thirty`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.oracle.world import World, tabs_process
from tests.support.node import NodeProcess
from tests.support.server import ServerProcess, memory_server, mute_server, our_server

#: Worlds at once, each lane with a server of its own.
LANES = 2


@asynccontextmanager
async def lane(server: ServerProcess) -> AsyncIterator[tuple[ServerProcess, NodeProcess]]:
    async with server, tabs_process() as node:
        yield server, node


async def play(seeds: Sequence[int], server: ServerProcess, *, saves: bool = True) -> list[str]:
    """Play worlds one after the other; what went wrong, by seed."""
    found: list[str] = []
    async with lane(server) as (running, node):
        for seed in seeds:
            world = World(seed, running, node, saves=saves)
            try:
                await world.run()
            except AssertionError as error:
                found.append(f"world {seed}: {error}\n  {' '.join(world.done)}\n  {running.log_tail(5)}")
                if not running.running:
                    break
    return found


async def play_in_lanes(seeds: Sequence[int], server: Callable[[int], ServerProcess]) -> None:
    lanes = (play(seeds[number::LANES], server(number)) for number in range(LANES))
    found = [text for texts in await asyncio.gather(*lanes) for text in texts]
    assert not found, f"{len(found)} of {len(seeds)} worlds:\n" + "\n".join(found[:3])


def chosen(default: range) -> list[int]:
    """The seeds to play: those of ORACLE_WORLDS, else the default ones."""
    first, _, last = os.environ.get("ORACLE_WORLDS", "").partition("-")
    return list(range(int(first), int(last or first) + 1)) if first else list(default)


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_thirty_worlds(tmp_path: Path, oracle_modules: Path) -> None:
    await play_in_lanes(chosen(range(30)), lambda number: our_server(tmp_path / str(number)))


@pytest.mark.slow
@pytest.mark.timeout(200)
async def test_worlds_whose_rooms_are_unloaded_at_once(tmp_path: Path, oracle_modules: Path) -> None:
    """With hardly any lingering a room is opened anew whenever the last page had left."""
    env = {"COLLAB_ROOMS__LINGER_SECONDS": "0.02"}
    await play_in_lanes(range(1000, 1008), lambda number: our_server(tmp_path / str(number), env=env))


#: A room is compacted after every few edits, and again when it is unloaded.
COMPACTING = {"COLLAB_ROOMS__COMPACT_TAIL_BYTES": "300", "COLLAB_ROOMS__LINGER_SECONDS": "0.02"}


@pytest.mark.slow
@pytest.mark.timeout(200)
async def test_worlds_whose_rooms_are_compacted_all_the_time(tmp_path: Path, oracle_modules: Path) -> None:
    await play_in_lanes(range(4000, 4006), lambda number: our_server(tmp_path / str(number), env=COMPACTING))


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_a_hundred_worlds_whose_rooms_are_compacted(tmp_path: Path, oracle_modules: Path) -> None:
    await play_in_lanes(
        chosen(range(5000, 5100)), lambda number: our_server(tmp_path / str(number), env=COMPACTING)
    )


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_three_hundred_worlds(tmp_path: Path, oracle_modules: Path) -> None:
    await play_in_lanes(chosen(range(2000, 2300)), lambda number: our_server(tmp_path / str(number)))


@pytest.mark.slow
async def test_the_stock_server_passes_the_simple_worlds(node_modules: Path, oracle_modules: Path) -> None:
    """Without restarts and joiners that must find everything: what fails here is the world's own fault."""
    assert await play(range(15), memory_server(), saves=False) == []


@pytest.mark.slow
async def test_a_world_notices_a_server_that_relays_nothing(node_modules: Path, oracle_modules: Path) -> None:
    async with lane(mute_server()) as (server, node):
        world = World(3, server, node, saves=False, rest_seconds=2.0)
        with pytest.raises(AssertionError, match="not equal at rest"):
            await world.run()
