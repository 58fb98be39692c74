"""The power fails under load: what was reported journaled is on the disk; with less than `full` it is not.

The data directory is on a disk that keeps what was synced apart from what was only written. After each kill
the rest is lost, in turn wholly or in a random part, and the server starts on what the disk then holds.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from tests.durability.crowd import Outcome, examine, numbers_in, text_in, work_until_killed
from tests.durability.test_kill import seed, tables_of
from tests.support.faulty_disk import FaultyDisk
from tests.support.mounts import require_fuse

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

CUTS = 10
SOAK_CUTS = 400
#: Cuts until something must have been lost by a server that does not wait for the disk.
CUTS_THAT_BITE = 10
NORMAL = {"COLLAB_STORAGE__SYNCHRONOUS": "normal"}


@pytest.fixture
async def disk(tmp_path: Path) -> AsyncIterator[FaultyDisk]:
    require_fuse()
    async with FaultyDisk(tmp_path / "disk") as mounted:
        yield mounted


async def cut_often(disk: FaultyDisk, cuts: int, *, env: Mapping[str, str] | None = None) -> Outcome:
    """Cut the power so many times, or until something is lost; the book of what came of it."""
    number, outcome = seed(), Outcome()
    chance = random.Random(number)
    # Made by the server, so that the directory itself is among the things that can be lost.
    server = disk.server("school/data", env=env)
    await server.start()
    try:
        for round_number in range(cuts):
            tables = tables_of(round_number)
            await work_until_killed(server, tables, None, chance)
            await disk.cut_power(None if round_number % 2 == 0 else chance.randrange(1 << 32))
            await server.start()
            await examine(server, tables, outcome)
            if outcome.lost:
                break
        else:
            # What the first cuts left is untouched by all that came after.
            assert numbers_in(await text_in(server, tables_of(0)[0].room), "ada")
    finally:
        await server.kill9()
        print(f"seed {number}: {outcome}")
    return outcome


async def test_a_power_cut_loses_nothing_that_was_reported(disk: FaultyDisk) -> None:
    outcome = await cut_often(disk, CUTS)
    assert outcome.lost == []
    assert outcome.reported > 0
    assert outcome.between > 0, "no cut came between an edit and its report"


@pytest.mark.soak
@pytest.mark.timeout(4000)
async def test_four_hundred_power_cuts_lose_nothing_that_was_reported(disk: FaultyDisk) -> None:
    outcome = await cut_often(disk, SOAK_CUTS)
    assert outcome.lost == []


async def test_control_without_a_sync_at_each_commit_something_is_lost(disk: FaultyDisk) -> None:
    outcome = await cut_often(disk, CUTS_THAT_BITE, env=NORMAL)
    assert outcome.lost, f"nothing was lost with synchronous=normal: {outcome}"
