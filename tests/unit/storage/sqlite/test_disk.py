"""A disk that is full, and one whose sync fails, for real: in a process of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

#: Runs in a mount namespace with 2 MB of space: fills it, is refused, makes room, goes on.
FULL = """
import asyncio, os, sys
from collab_storage import UnavailableError
from collab_storage.acceptance import KEY, make_record, read_all
from collab_storage.sqlite import SqliteJournal
async def main(directory):
    ballast = os.path.join(directory, "ballast")
    with open(ballast, "wb") as file:
        file.write(bytes(500_000))
    journal = SqliteJournal(os.path.join(directory, "journal.db"))
    await journal.open()
    stored = []
    while True:
        batch = [make_record(len(stored) + n, data=bytes(2000)) for n in range(5)]
        try:
            await journal.append(batch)
        except UnavailableError as error:
            print("refused after", len(stored), error, flush=True)
            break
        stored += batch
    for _ in range(3):
        try:
            await journal.append(batch)
        except UnavailableError:
            continue
        raise AssertionError("acknowledged on a full disk")
    assert await read_all(journal) == stored
    os.unlink(ballast)
    await journal.append(batch)
    assert await read_all(journal) == stored + batch
    await journal.close()
    journal = SqliteJournal(os.path.join(directory, "journal.db"))
    await journal.open()
    assert await read_all(journal) == stored + batch
    assert await journal.verify() == []
    await journal.close()
    print("done", flush=True)
asyncio.run(main(sys.argv[1]))
"""


def can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not can_mount(), reason="needs the right to mount: unshare -m")
def test_a_full_disk_stops_acknowledgements_and_loses_nothing(tmp_path: Path) -> None:
    mount = (
        f"mount -t tmpfs -o size=2m none {tmp_path} && exec {sys.executable} -W error -c '{FULL}' {tmp_path}"
    )
    done = subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    refused, last = done.stdout.splitlines()
    assert "SQLITE_FULL" in refused
    assert int(refused.split()[2]) > 100
    assert last == "done"


#: Runs in a mount namespace with 10 MB of space: fills it, is refused, makes room, goes on.
FULL_OF_BASES = """
import asyncio, os, sys
from collab_storage import UnavailableError
from collab_storage.acceptance_bases import ROOM, TENANT, fields, make_data
from collab_storage.sqlite import SqliteBases, read_back, write_base
async def fill(bases, path, ballast):
    offset = 0
    try:
        while True:
            base = write_base(path, **fields(offset=offset + 1, data=[make_data(1_500_000)]))
            offset += 1
    except UnavailableError as error:
        print("refused after", offset, error, flush=True)
    assert await bases.newest(TENANT, ROOM) == base
    read_back(path, base)
    assert await bases.verify() == []
    os.unlink(ballast)
    await bases.drop_older(TENANT, ROOM, than=offset)
    base = write_base(path, **fields(offset=offset + 1, data=[make_data(1_500_000)]))
    read_back(path, base)
    assert await bases.verify() == []
    print("done", flush=True)
async def main(path):
    ballast = path + ".ballast"
    with open(ballast, "wb") as file:
        file.write(bytes(2_000_000))
    bases = SqliteBases(path)
    await bases.open()
    try:
        await fill(bases, path, ballast)
    finally:
        await bases.close()
asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not can_mount(), reason="needs the right to mount: unshare -m")
def test_a_full_disk_refuses_a_base_and_loses_none(tmp_path: Path) -> None:
    run = f"{sys.executable} -W error -c '{FULL_OF_BASES}' {tmp_path}/bases.db"
    mount = f"mount -t tmpfs -o size=10m none {tmp_path} && exec {run}"
    done = subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    refused, last = done.stdout.splitlines()
    assert "SQLITE_FULL" in refused
    assert int(refused.split()[2]) >= 1
    assert last == "done"


#: The third append meets the failing sync.
FAILED_SYNC = """
import asyncio, os, sys
from collab_storage import UnavailableError
from collab_storage.acceptance import make_record, offsets
from collab_storage.sqlite import SqliteJournal
async def main(path):
    journal = SqliteJournal(path)
    await journal.open()
    for offset in range(6):
        try:
            await journal.append([make_record(offset)])
        except UnavailableError:
            os.write(1, b"refused\\n")
            await journal.append([make_record(offset)])
        os.write(1, b"acknowledged %d\\n" % offset)
    assert await offsets(journal) == [0, 1, 2, 3, 4, 5]
    await journal.close()
asyncio.run(main(sys.argv[1]))
"""


def can_inject() -> bool:
    if shutil.which("strace") is None:
        return False
    command = ["strace", "-f", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=99", "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not can_inject(), reason="needs strace with fault injection")
def test_a_failed_sync_is_never_followed_by_an_acknowledgement_on_the_same_handle(tmp_path: Path) -> None:
    path, log = tmp_path / "journal.db", tmp_path / "calls"
    command = ["strace", "-f", "-y", "-o", str(log), "-e", "trace=fdatasync,openat,close,write"]
    command += ["-e", "inject=fdatasync:error=EIO:when=5", sys.executable, "-c", FAILED_SYNC, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.count("acknowledged") == 6
    assert "refused" in done.stdout
    # strace counts the calls of each thread, so the connection that follows may fail in its turn.
    failures = re.split(r"fdatasync\(\d+<[^>]*journal\.db-wal>\)\s+= -1 EIO", log.read_text())[1:]
    assert failures, "no failure hit the write-ahead log"
    for calls in failures:
        until_next_success, *more = re.split(r"acknowledged|fdatasync\(", calls, maxsplit=1)
        if more:
            opened = re.search(r"openat\([^\n]*journal\.db-wal", until_next_success)
            assert opened, "the handle whose sync failed was synced again"
