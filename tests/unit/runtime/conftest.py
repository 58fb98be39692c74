from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.unit.runtime.worlds import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.journal.open()
    world.tasks.start(world.persister.run(), name="persister")
    yield world
    world.journal.gate.set()
    await asyncio.wait_for(world.persister.saved(), 5)
    world.registry.close()
    await world.tasks.close()
    await world.journal.close()
