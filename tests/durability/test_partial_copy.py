"""A sync of a file that fails after a part of its log was copied: the part is copied again.

SQLite copies what readers allow, does not sync it and notes it as copied. Linux forgets it with the failed
sync. Unless it is copied again before the log is begun anew, the file is damaged after a power cut.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.faulty_disk import FaultyDisk
from tests.support.mounts import require_fuse

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

PROGRAM = Path(__file__).with_name("partial_copy.py")
STORY_SECONDS = 60.0


@pytest.fixture
async def disk(tmp_path: Path) -> AsyncIterator[FaultyDisk]:
    require_fuse()
    async with FaultyDisk(tmp_path / "disk") as mounted:
        yield mounted


@pytest.mark.parametrize("kind", ["journal", "bases"])
async def test_what_was_copied_in_part_before_a_failed_sync_is_copied_again(
    disk: FaultyDisk, kind: str
) -> None:
    path = disk.path / f"{kind}.db"
    async with asyncio.timeout(STORY_SECONDS):
        written = await told(disk, kind, path)
        await disk.cut_power()
        check = disk.run_by(sys.executable, str(PROGRAM), f"{kind}-check", str(path), written)
        done = await asyncio.create_subprocess_exec(*check, stderr=asyncio.subprocess.PIPE)
        _, errors = await done.communicate()
    assert done.returncode == 0, errors.decode()


async def told(disk: FaultyDisk, kind: str, path: Path) -> str:
    """Let the program place the fault; the number of entries that it wrote."""
    program = await asyncio.create_subprocess_exec(
        *disk.run_by(sys.executable, str(PROGRAM), kind, str(path)),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert program.stdin is not None
    assert program.stdout is not None
    written = ""
    async for line in program.stdout:
        match line.decode().split():
            case ["fail"]:
                await disk.fail_syncs(1, suffix=path.name)
            case ["written", written]:
                continue
        program.stdin.write(b"%d\n" % await disk.failed_syncs())
    assert await program.wait() == 0
    return written
