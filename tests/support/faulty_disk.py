"""A mounted disk with faults to order, for a data directory: cut its power, fail its syncs, break it.

Owns the process of `fuse_disk.py` and says why a machine cannot mount. `disk_model.py` says what faults mean.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from tests.support.waiting import PATIENCE

PROGRAM = Path(__file__).with_name("fuse_disk.py")


def require_mounts() -> None:
    """Skip where the kernel lets nobody mount, with the reason. A missing package is a failure."""
    for command, package in (("unshare", "util-linux"), ("fusermount3", "fuse3")):
        if shutil.which(command) is None:
            pytest.fail(f"{command} is missing: `make packages` installs {package}")
    trial = subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, text=True, check=False
    )
    if trial.returncode != 0:
        pytest.skip(f"this machine does not let us mount: {trial.stderr.strip()}")


def require_fuse() -> None:
    """As `require_mounts`, and FUSE besides."""
    require_mounts()
    try:
        with open("/dev/fuse", "rb"):
            pass
    except OSError as error:
        pytest.skip(f"this machine has no FUSE: {error}")


class FaultyDisk(AbstractAsyncContextManager["FaultyDisk"]):
    """A disk mounted at `mount`, empty at first."""

    def __init__(self, mount: Path) -> None:
        self.mount = mount
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self.mount.mkdir(parents=True, exist_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, str(PROGRAM), str(self.mount),
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

    async def cut_power(self, seed: int | None = None) -> None:
        """Lose what was not synced: all of it, or with a seed a random part. Nothing may be open."""
        await self._order(do="cut", seed=seed)

    async def break_down(self) -> None:
        """From now on every write and every sync fails (EIO)."""
        await self._order(do="break")

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
