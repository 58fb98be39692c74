"""A process that appends, killed with -9: every acknowledged batch is there, none in part."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from collab_storage import Journal
from collab_storage.acceptance import KEY, make_record, read_all
from collab_storage.sqlite import SqliteJournal

#: Appends batches of five records until it is killed, and says each time how far it is; places them often.
APPENDER = """
import asyncio, os, sys
from collab_storage.acceptance import KEY, make_record
from collab_storage.sqlite import SqliteJournal, places
places.PLACING_ROWS = 20
async def main():
    journal = SqliteJournal(sys.argv[1], synchronous=sys.argv[2])
    await journal.open()
    head = await journal.head(KEY)
    offset = -1 if head is None else head
    os.write(1, b"%d\\n" % offset)
    while True:
        await journal.append([make_record(offset + n, data=bytes(300)) for n in range(1, 6)])
        offset += 5
        os.write(1, b"%d\\n" % offset)
        if offset % 50 == 49:
            await journal.remove(KEY, upto=offset - 60)
asyncio.run(main())
"""


def run_and_kill(path: Path, synchronous: str, *, after_seconds: float) -> list[int]:
    """What the appender said: where it begins, then each acknowledged head. Killed soon after the first."""
    with subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(path), synchronous], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline(), process.stdout.readline()]
        time.sleep(after_seconds)
        process.kill()
        said += process.stdout.readlines()
    return [int(line) for line in said if line.endswith(b"\n")]


async def check(journal: Journal, acknowledged: int) -> None:
    head = await journal.head(KEY)
    assert head is not None
    assert acknowledged <= head
    assert (head + 1) % 5 == 0, "a batch is there in part"
    records = await read_all(journal)
    first = records[0].offset
    assert records == [make_record(offset, data=bytes(300)) for offset in range(first, head + 1)]
    assert first <= max(0, acknowledged - 60) + 1
    assert await journal.verify() == []


@pytest.mark.slow
@pytest.mark.parametrize("synchronous", ["full", "off"])
async def test_every_acknowledged_batch_survives_kill_9(tmp_path: Path, synchronous: str) -> None:
    """The level makes no difference here: what the process wrote, the system has."""
    path = tmp_path / "journal.db"
    chance = random.Random(7)
    for _ in range(12):
        said = run_and_kill(path, synchronous, after_seconds=chance.uniform(0, 0.15))
        journal = SqliteJournal(path)
        await journal.open()
        await check(journal, said[-1])
        await journal.close()


#: Creates a journal under a name that is killed at each step of it.
CREATOR = """
import os, signal, sys
from pathlib import Path
from collab_storage.sqlite import database
steps = int(sys.argv[2])
def step(event, args):
    global steps
    if event in ("open", "os.rename", "os.remove", "sqlite3.connect"):
        steps -= 1
        if steps < 0:
            os.kill(os.getpid(), signal.SIGKILL)
names = database.migrations(database.JOURNAL)
database.migrations = lambda kind: names
sys.addaudithook(step)
database.create_if_absent(Path(sys.argv[1]), database.JOURNAL)
os._exit(0)
"""


def create_and_kill(path: Path, step: int) -> int:
    """The return code of a process that creates a journal and is killed at a step."""
    path.parent.mkdir()
    return subprocess.run([sys.executable, "-c", CREATOR, str(path), str(step)], check=False).returncode


async def test_a_creation_killed_at_any_step_is_done_by_the_next_start(tmp_path: Path) -> None:
    step, code = 0, -9
    while code == -9:
        path = tmp_path / str(step) / "journal.db"
        code = create_and_kill(path, step)
        assert code in (-9, 0)
        journal = SqliteJournal(path)
        await journal.open()
        await journal.append([make_record(0)])
        assert await read_all(journal) == [make_record(0)]
        await journal.close()
        step += 1
    assert step > 3
