"""A mounted disk with faults to order, for a data directory: cut its power, fail its syncs, break it.

Owns the process of `fuse_disk.py`, which alone keeps it mounted. `disk_model.py` says what faults mean.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.mounts import inside
from tests.support.server import ServerProcess, our_server
from tests.support.waiting import PATIENCE

PROGRAM = Path(__file__).with_name("fuse_disk.py")


class FaultyDisk(AbstractAsyncContextManager["FaultyDisk"]):
    """A disk mounted at `mount` for the servers that it makes alone, empty at first."""

    def __init__(self, mount: Path) -> None:
        self._mount = mount
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._mount.mkdir(parents=True)
        self._process = await asyncio.create_subprocess_exec(
            "unshare", "-m", sys.executable, str(PROGRAM), str(self._mount),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert await self._answer() == {"mounted": True}
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(PATIENCE):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise

    def server(self, directory: str = "data", *, env: Mapping[str, str] | None = None) -> ServerProcess:
        """The real server with its data in a directory of this disk."""
        command = our_server(self._mount / directory).command
        return ServerProcess(inside(self._pid, command), env=env)

    def run_by(self, *command: str) -> list[str]:
        """A command for a program that sees the disk, at the same path as the servers."""
        return inside(self._pid, command)

    @property
    def path(self) -> Path:
        """The disk as a path for programs started with `run_by`."""
        return self._mount

    @property
    def seen(self) -> Path:
        """The disk as a path for the test's own process."""
        return Path(f"/proc/{self._pid}/root{self._mount}")

    @property
    def _pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def cut_power(self, seed: int | None = None) -> None:
        """Lose what was not synced: all of it, or with a seed a random part. Nothing may be open."""
        await self._order(do="cut", seed=seed)

    async def break_down(self) -> None:
        """From now on every write and every sync fails (EIO)."""
        await self._order(do="break")

    async def fail_reads(self) -> None:
        """From now on every read that the kernel has not cached fails (EIO)."""
        await self._order(do="hide")

    async def mend(self) -> None:
        await self._order(do="mend")

    async def fail_syncs(self, count: int, *, suffix: str = "") -> None:
        """The next syncs of files whose path ends in `suffix` fail, and forget what they were to write."""
        await self._order(do="fail_syncs", count=count, suffix=suffix)

    async def failed_syncs(self) -> int:
        """Syncs that have failed so far."""
        return int((await self._order(do="count"))["failed_syncs"])

    async def synced_after_failure(self) -> int:
        """Syncs that succeeded through a handle through which one had failed."""
        return int((await self._order(do="count"))["synced_after_failure"])

    async def _order(self, **order: Any) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        return await self._answer()

    async def _answer(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            line = await self._process.stdout.readline()
        assert line, "the disk's process has ended"
        answer: dict[str, Any] = json.loads(line)
        return answer
