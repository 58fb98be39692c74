"""The start of a worker process; how one works and dies is `test_workers`'."""

from __future__ import annotations

import asyncio
from subprocess import Popen
from typing import Any

import pytest

from collab_server.runtime import worker_process
from collab_server.runtime.worker_process import WorkerProcess
from tests.support.leaks import no_leaks


async def test_one_whose_start_is_cut_short_is_not_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Popen[bytes]] = []

    def start(*arguments: Any, **options: Any) -> Popen[bytes]:
        started.append(Popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(worker_process, "Popen", start)
    async with no_leaks():
        launching = asyncio.create_task(WorkerProcess.launch())
        await asyncio.sleep(0)
        launching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await launching
    (process,) = started
    assert process.returncode is not None
