"""A worker that writes bases, killed with -9: each base is there whole or not at all, the older one stays."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from collab_storage import Base
from collab_storage.acceptance_bases import ROOM, TENANT, make_data
from collab_storage.sqlite import SqliteBases, read_back, reading_bases

from tests.unit.storage.sqlite.bases_files import count, make_file, write

SIZE = 5_000_000

#: Writes bases of growing offset until it is killed, and says each time which one is written.
WRITER = """
import os, sys
from collab_storage.acceptance_bases import fields, make_data, pieces
from collab_storage.sqlite import write_base
path, offset, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.write(1, b"%d\\n" % offset)
while True:
    offset += 1
    data = pieces(make_data(size, seed=offset), 70_000)
    write_base(path, **fields(offset=offset, data=data), synchronous=sys.argv[4])
    os.write(1, b"%d\\n" % offset)
"""


def run_and_kill(path: Path, offset: int, synchronous: str, *, after_seconds: float) -> int:
    """The last offset that a writer said it had written, and one at least."""
    command = [sys.executable, "-c", WRITER, str(path), str(offset), str(SIZE), synchronous]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = [process.stdout.readline(), process.stdout.readline()]
        # Not to wait for anything: the moment of the kill is what is tried.
        time.sleep(after_seconds)
        process.kill()
        said += process.stdout.readlines()
    return max(int(line) for line in said if line.endswith(b"\n"))


def newest(path: Path) -> Base:
    with reading_bases(path) as reader:
        base = reader.newest(TENANT, ROOM)
        assert base is not None
        data = b"".join(reader.chunk(base, number) for number in range(base.chunks))
    assert data == make_data(SIZE, seed=base.offset)
    read_back(path, base)
    return base


@pytest.mark.slow
@pytest.mark.parametrize("synchronous", ["full", "off"])
async def test_a_base_is_there_whole_or_not_at_all(tmp_path: Path, synchronous: str) -> None:
    """The level makes no difference here: what the process wrote, the system has."""
    path = make_file(tmp_path / "bases.db")
    chance, offset, cut_short = random.Random(7), 0, 0
    for _ in range(12):
        written = run_and_kill(path, offset, synchronous, after_seconds=chance.uniform(0, 0.3))
        base = newest(path)
        assert base.offset in (written, written + 1)
        assert count(path, f"bases WHERE room='{ROOM}'") == base.offset
        # Before the server has opened the file again, another worker may write.
        read_back(path, write(path, room="other"))
        bases = SqliteBases(path)
        await bases.open()
        assert await bases.newest(TENANT, ROOM) == base
        assert await bases.verify() == []
        cut_short += base.offset == written
        offset = base.offset
        await bases.close()
    assert cut_short > 3


#: Replaces one base by another of equal offset until it is killed.
REPLACER = WRITER.replace("offset += 1", "size += 1").replace("offset=offset", "offset=1")


@pytest.mark.slow
def test_a_base_that_is_to_be_replaced_stays_until_the_other_is_whole(tmp_path: Path) -> None:
    path = make_file(tmp_path / "bases.db")
    chance = random.Random(3)
    write(path, offset=1, data=[make_data(SIZE)])
    for _ in range(6):
        command = [sys.executable, "-c", REPLACER, str(path), "1", str(SIZE), "off"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(chance.uniform(0, 0.3))
            process.kill()
        with reading_bases(path) as reader:
            base = reader.newest(TENANT, ROOM)
            assert base is not None
            reader.check(base)
        assert base.offset == 1
        assert count(path, "bases") == 1


#: Drops all bases of a room, a chunk at a time, until it is killed at a step.
DROPPER = """
import asyncio, os, signal, sys
from collab_storage.acceptance_bases import ROOM, TENANT
from collab_storage.sqlite import SqliteBases, bases, bases_writer
bases_writer.PURGE_CHUNKS = 1
steps = int(sys.argv[2])
purge = bases_writer.purge
def step(*args, **options):
    global steps
    steps -= 1
    if steps < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return purge(*args, **options)
async def main():
    store = SqliteBases(sys.argv[1])
    await store.open()
    bases.purge = step
    await store.delete_room(TENANT, ROOM)
    os._exit(0)
asyncio.run(main())
"""


@pytest.mark.parametrize(("steps", "left"), [(0, 10), (2, 8), (7, 4)])
async def test_a_deletion_that_is_killed_is_finished_by_the_next_start(
    tmp_path: Path, steps: int, left: int
) -> None:
    path = make_file(tmp_path / "bases.db")
    for offset in (1, 2):
        write(path, offset=offset, data=[make_data(2_500_000)])
    other = write(path, room="other")
    command = [sys.executable, "-c", DROPPER, str(path), str(steps)]
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == -9
    assert count(path, "chunks") == left
    bases = SqliteBases(path)
    await bases.open()
    assert await bases.rooms(TENANT) == ["other"]
    assert await bases.verify() == []
    await bases.close()
    assert (count(path, "chunks"), count(path, "purges")) == (2, 0)
    read_back(path, other)
