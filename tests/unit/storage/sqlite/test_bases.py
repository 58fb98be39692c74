"""The bases on SQLite: the suite of the port, opening and closing, and several processes at once."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster
from collab_storage import (
    CHUNK_BYTES,
    Base,
    Bases,
    ForeignFileError,
    NewerFormatError,
    Quarantined,
    StorageError,
    UnavailableError,
)
from collab_storage.acceptance_bases import ROOM, TENANT, BasesAcceptance, make_data, read_data
from collab_storage.sqlite import SqliteBases, quarantine, read_back, write_base
from collab_storage.sqlite import bases as bases_module
from collab_storage.sqlite.database import BASES

from tests.support.leaks import no_leaks
from tests.unit.storage.sqlite.bases_files import change, count, make_file, write


class TestSqliteBases(BasesAcceptance):
    def make_bases(self, directory: Path) -> Bases:
        self.path = directory / "bases.db"
        return SqliteBases(self.path)

    def put(self, bases: Bases, **fields: Any) -> Base:
        base = write_base(self.path, **fields)
        read_back(self.path, base)
        return base

    def put_aside(self, bases: Bases, **fields: Any) -> Quarantined:
        return quarantine(self.path, **fields)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bases.db"


@pytest.fixture
async def bases(path: Path) -> AsyncIterator[SqliteBases]:
    bases = SqliteBases(path)
    await bases.open()
    yield bases
    await bases.close()


async def test_an_absent_store_is_created(path: Path, bases: SqliteBases) -> None:
    await bases.close()
    assert os.listdir(path.parent) == ["bases.db"]


@pytest.mark.parametrize(
    ("sql", "error"),
    [("PRAGMA application_id=7", ForeignFileError), ("PRAGMA user_version=2", NewerFormatError)],
)
async def test_what_is_not_ours_is_refused_and_nothing_left_open(
    path: Path, sql: str, error: type[StorageError]
) -> None:
    change(make_file(path), sql)
    bases = SqliteBases(path)
    async with no_leaks():
        for _ in range(3):
            with pytest.raises(error):
                await bases.open()
        await bases.close()


async def test_calls_on_what_is_not_open_are_refused(path: Path, bases: SqliteBases) -> None:
    base = write(path)
    await bases.close()
    for call in (
        bases.newest(TENANT, ROOM),
        bases.chunk(base, 0),
        bases.delete_room(TENANT, ROOM),
        bases.verify(),
    ):
        with pytest.raises(StorageError, match=r"bases\.db is not open"):
            await call
    assert count(path, "bases") == 1


async def test_bytes_that_an_interrupted_drop_has_left_are_dropped_when_opened(path: Path) -> None:
    make_file(path)
    write(path, data=[make_data(3 * CHUNK_BYTES)])
    write(path)
    assert count(path, "chunks") == 6
    bases = SqliteBases(path)
    await bases.open()
    await bases.close()
    assert (count(path, "chunks"), count(path, "purges")) == (2, 0)


async def test_bases_open_and_are_read_though_a_full_disk_lets_nothing_be_dropped(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(connection: sqlite3.Connection, *, path: Path) -> bool:
        raise UnavailableError("disk full")

    make_file(path)
    base = write(path)
    bases = SqliteBases(path)
    with monkeypatch.context() as patch:
        patch.setattr(bases_module, "purge", full)
        await bases.open()
        assert await bases.newest(TENANT, ROOM) == base
        with pytest.raises(UnavailableError, match="disk full"):
            await bases.drop_older(TENANT, ROOM, than=0)
    await bases.drop_older(TENANT, ROOM, than=0)
    assert await bases.newest(TENANT, ROOM) == base
    await bases.close()


async def test_close_waits_for_what_was_started(path: Path, bases: SqliteBases) -> None:
    write(path, data=[make_data(3 * CHUNK_BYTES)])
    await asyncio.gather(bases.delete_room(TENANT, ROOM), bases.close())
    assert (count(path, "bases"), count(path, "chunks")) == (0, 0)


async def test_who_reads_does_not_wait_for_who_writes(path: Path, bases: SqliteBases) -> None:
    """Neither a worker in the middle of a base nor a deletion that waits for it holds up a chunk."""
    base = write(path, data=[make_data(100)])
    began, go_on = threading.Event(), threading.Event()

    def slow() -> Iterator[bytes]:
        began.set()
        assert go_on.wait(20)
        yield b"d"

    worker = asyncio.ensure_future(asyncio.to_thread(write, path, room="other", data=slow()))
    assert await asyncio.to_thread(began.wait, 20)
    dropping = asyncio.ensure_future(bases.drop_older(TENANT, ROOM, than=0))
    for _ in range(5):
        assert await bases.newest(TENANT, ROOM) == base
        assert await bases.chunk(base, 0) == make_data(100)
    assert not dropping.done()
    go_on.set()
    await asyncio.gather(worker, dropping)
    assert await bases.rooms(TENANT) == sorted([ROOM, "other"])


async def test_a_lock_that_lasts_too_long_is_unavailable_and_passes(
    path: Path, bases: SqliteBases, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = write(path)
    impatient = replace(BASES, busy_timeout_seconds=0.05)
    monkeypatch.setattr("collab_storage.sqlite.bases.BASES", impatient)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnavailableError, match="locked"):
        await bases.delete_room(TENANT, ROOM)
    assert await bases.newest(TENANT, ROOM) == base
    other.close()
    await bases.delete_room(TENANT, ROOM)
    assert await bases.newest(TENANT, ROOM) is None


async def test_the_loop_itself_touches_no_file_and_nothing_is_left(path: Path) -> None:
    guard = BlockBuster()
    async with no_leaks():
        bases = SqliteBases(path)
        guard.activate()
        try:
            await bases.open()
            base = await asyncio.to_thread(write, path, data=[make_data(CHUNK_BYTES + 1)])
            assert await bases.newest(TENANT, ROOM) == base
            await read_data(bases, base)
            await bases.table(base)
            await bases.rooms(TENANT)
            await bases.quarantined(TENANT, ROOM)
            await bases.drop_older(TENANT, ROOM, than=9)
            await bases.verify()
            await bases.delete_room(TENANT, ROOM)
            await bases.close()
        finally:
            guard.deactivate()


async def test_what_workers_and_drops_add_to_the_log_is_known_within_a_half(
    path: Path, bases: SqliteBases
) -> None:
    rooms = [str(number) for number in range(20)]
    for room in rooms:
        write(path, room=room, data=[make_data(50_000)])
    for room in rooms:
        await bases.delete_room(TENANT, room)
    with closing(sqlite3.connect(path)) as connection:
        _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    assert bases._log.pages == pytest.approx(pages, rel=0.5)


#: Writes bases of a room one after the other, of a size in bytes, and says when each is read back.
WORKER = """
import sys
from collab_storage.acceptance_bases import fields, make_data
from collab_storage.sqlite import read_back, write_base
path, room, size, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
for offset in range(count):
    base = write_base(path, **fields(room=room, offset=offset, data=[make_data(size, seed=offset + 1)]))
    read_back(path, base)
    print(offset, flush=True)
"""


async def start_worker(path: Path, room: str, size: int, count: int) -> asyncio.subprocess.Process:
    command = [sys.executable, "-W", "error", "-c", WORKER, str(path), room, str(size), str(count)]
    return await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


async def ended(worker: asyncio.subprocess.Process) -> list[bytes]:
    """What a worker said; it must have met no error."""
    out, errors = await worker.communicate()
    assert errors == b""
    assert worker.returncode == 0
    return out.splitlines()


@pytest.mark.slow
async def test_a_server_reads_while_two_workers_write(path: Path, bases: SqliteBases) -> None:
    """20 MB in one room, many small bases in another, chunks of a third, and drops: nobody sees a lock."""
    data = make_data(5 * CHUNK_BYTES)
    await asyncio.to_thread(write, path, data=[data])
    large = await start_worker(path, "large", 20_000_000, 4)
    small = await start_worker(path, "small", 5_000, 60)
    workers = asyncio.gather(ended(large), ended(small))
    rounds = 0
    while not workers.done():
        base = await bases.newest(TENANT, ROOM)
        assert base is not None
        assert await read_data(bases, base) == data
        newest = await bases.newest(TENANT, "small")
        if newest is not None:
            await bases.drop_older(TENANT, "small", than=newest.offset - 5)
        rounds += 1
    of_large, of_small = await workers
    assert of_large == [b"%d" % n for n in range(4)]
    assert of_small == [b"%d" % n for n in range(60)]
    assert rounds > 5
    for room, size, last in (("large", 20_000_000, 3), ("small", 5_000, 59)):
        base = await bases.newest(TENANT, room)
        assert base is not None
        assert base.offset == last
        assert await read_data(bases, base) == make_data(size, seed=last + 1)
    assert await bases.verify() == []
