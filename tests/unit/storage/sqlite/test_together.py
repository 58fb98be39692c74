"""Work that is done once for all who ask for it at the same time."""

from __future__ import annotations

import asyncio

import pytest
from collab_storage.errors import UnavailableError
from collab_storage.sqlite.together import Together


class Work:
    def __init__(self) -> None:
        self.begun = 0
        self.go_on = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> None:
        self.begun += 1
        await self.go_on.wait()
        if self.error is not None:
            raise self.error


async def test_who_comes_while_it_runs_shares_its_outcome() -> None:
    work = Work()
    together = Together(work, name="work")
    waiting = [asyncio.ensure_future(together.run()) for _ in range(3)]
    await asyncio.sleep(0)
    work.error = UnavailableError("later")
    work.go_on.set()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["later"] * 3
    assert work.begun == 1
    work.error = None
    await together.run()
    assert work.begun == 2


async def test_it_ends_though_nobody_waits_any_more() -> None:
    work = Work()
    work.error = UnavailableError("told to nobody")
    together = Together(work, name="work")
    waiting = asyncio.ensure_future(together.run())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    work.go_on.set()
    await together.finish()
    await together.finish()
    assert work.begun == 1
