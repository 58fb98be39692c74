"""Two megabytes for a data directory: a tmpfs that can be filled to the last byte and emptied again.

It ends with the process that holds its mount namespace, so nothing stays mounted.
"""

from __future__ import annotations

import asyncio
import errno
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.support.mounts import inside
from tests.support.server import ServerProcess, our_server
from tests.support.waiting import PATIENCE

HOLD = 'mount -t tmpfs -o size=2m none "$0" && echo mounted && exec cat'


class SmallDisk(AbstractAsyncContextManager["SmallDisk"]):
    """Mounted at `mount`, for the servers that it makes alone."""

    def __init__(self, mount: Path) -> None:
        mount.mkdir()
        self._mount = mount
        self._holder: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._holder = await asyncio.create_subprocess_exec(
            "unshare", "-m", "sh", "-c", HOLD, str(self._mount),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert self._holder.stdout is not None
        async with asyncio.timeout(PATIENCE):
            assert await self._holder.stdout.readline() == b"mounted\n"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._holder is not None
        assert self._holder.stdin is not None
        self._holder.stdin.close()
        await self._holder.wait()

    def server(self) -> ServerProcess:
        """The real server with its data on this disk."""
        assert self._holder is not None
        return ServerProcess(inside(self._holder.pid, our_server(self._mount / "data").command))

    @property
    def _ballast(self) -> Path:
        # The namespace is seen through the process that lives in it.
        assert self._holder is not None
        return Path(f"/proc/{self._holder.pid}/root{self._mount}/ballast")

    async def fill(self) -> None:
        """Take the space that is left, to the last byte."""
        with pytest.raises(OSError) as caught:
            await asyncio.to_thread(self._ballast.write_bytes, bytes(4_000_000))
        assert caught.value.errno == errno.ENOSPC

    async def make_room(self) -> None:
        await asyncio.to_thread(self._ballast.unlink)
