from __future__ import annotations

import asyncio

from collab_server.runtime import slices
from collab_server.runtime.slices import Slices


async def test_short_work_is_not_interrupted_and_long_work_is(monkeypatch) -> None:
    turns = 0

    def turn() -> None:
        nonlocal turns
        turns += 1

    asyncio.get_running_loop().call_soon(turn)
    monkeypatch.setattr(slices, "_SLICE_SECONDS", 60.0)
    await Slices().pause()
    assert turns == 0
    monkeypatch.setattr(slices, "_SLICE_SECONDS", 0.0)
    await Slices().pause()
    assert turns == 1
