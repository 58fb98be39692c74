"""What the journal and the bases do when copying the log into the file fails: refuse, settle, go on.

The failure itself is placed here; what a real disk does is told in tests/durability/test_partial_copy.py.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from collab_storage.acceptance import KEY, make_record, offsets
from collab_storage.acceptance_bases import ROOM, TENANT
from collab_storage.errors import UnavailableError
from collab_storage.sqlite import SqliteBases, SqliteJournal, database, reading
from collab_storage.sqlite.database import BASES, JOURNAL, open_for_reading
from collab_storage.sqlite.log import Log, settle_log

from tests.unit.storage.sqlite.bases_files import write


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "ALONE_SECONDS", 0.05)


@pytest.fixture
def fail_copying(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The next copying comes with the next change, and fails."""
    copy, left = Log.copy, [0]

    def due(log: Log) -> bool:
        return bool(left[0])

    def fail_once(log: Log, connection: sqlite3.Connection) -> None:
        if left[0]:
            left[0] -= 1
            log.failed = True
            raise UnavailableError("a sync has failed")
        copy(log, connection)

    def order() -> None:
        left[0] = 1

    monkeypatch.setattr(Log, "is_due", property(due))
    monkeypatch.setattr(Log, "copy", fail_once)
    return order


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files of which the log was settled; put an error first to have the next attempts fail with it."""
    paths: list[Any] = []

    def settle(path: Path, kind: database.FileKind) -> UnavailableError | None:
        if paths and isinstance(paths[0], UnavailableError):
            return paths[0]
        paths.append(path)
        return settle_log(path, kind)

    monkeypatch.setattr(reading, "settle_log", settle)
    return paths


@pytest.fixture
async def store(tmp_path: Path, settled: list[Path]) -> AsyncIterator[SqliteJournal]:
    store = SqliteJournal(tmp_path / "journal.db")
    await store.open()
    await store.append([make_record(0)])
    settled.clear()
    yield store
    await store.close()


async def test_a_failed_copying_is_told_settled_once_and_over(
    store: SqliteJournal, settled: list[Path], fail_copying: Callable[[], None]
) -> None:
    fail_copying()
    with pytest.raises(UnavailableError, match="a sync has failed"):
        await store.append([make_record(1)])
    await asyncio.gather(store.append([make_record(1)]), store.head(KEY), offsets(store))
    assert len(settled) == 1
    assert await offsets(store) == [0, 1]


async def test_nobody_reads_or_writes_before_the_log_is_settled(
    tmp_path: Path, store: SqliteJournal, fail_copying: Callable[[], None]
) -> None:
    with closing(open_for_reading(tmp_path / "journal.db", JOURNAL)):
        fail_copying()
        with pytest.raises(UnavailableError, match="a sync has failed"):
            await store.append([make_record(1)])
        for call in (store.append([make_record(1)]), offsets(store), store.remove(KEY, upto=0)):
            with pytest.raises(UnavailableError, match="locked"):
                await call
    await store.append([make_record(1)])
    assert await offsets(store) == [0, 1]


async def test_a_log_that_cannot_be_settled_for_lack_of_room_is_read(
    store: SqliteJournal, settled: list[Any], fail_copying: Callable[[], None]
) -> None:
    fail_copying()
    settled.append(UnavailableError("disk full"))
    with pytest.raises(UnavailableError, match="a sync has failed"):
        await store.append([make_record(1)])
    for _ in range(2):
        with pytest.raises(UnavailableError, match="disk full"):
            await store.append([make_record(2)])
        assert await offsets(store) == [0, 1]
    settled.clear()
    await store.append([make_record(2)])
    assert await offsets(store) == [0, 1, 2]


async def test_a_journal_closed_after_a_failed_copying_copies_nothing(
    tmp_path: Path, store: SqliteJournal, fail_copying: Callable[[], None]
) -> None:
    fail_copying()
    with pytest.raises(UnavailableError):
        await store.append([make_record(1)])
    await store.close()
    assert (tmp_path / "journal.db-wal").stat().st_size > 0
    await store.open()
    assert await offsets(store) == [0, 1]


async def test_a_start_waits_for_who_has_the_file_open_and_says_so(tmp_path: Path) -> None:
    store = SqliteJournal(tmp_path / "journal.db")
    await store.open()
    await store.close()
    with (
        closing(open_for_reading(tmp_path / "journal.db", JOURNAL)),
        pytest.raises(UnavailableError, match=r"journal\.db: database is locked"),
    ):
        await store.open()
    await store.open()
    await store.close()


@pytest.fixture
async def shelf(tmp_path: Path, settled: list[Path]) -> AsyncIterator[SqliteBases]:
    shelf = SqliteBases(tmp_path / "bases.db")
    await shelf.open()
    settled.clear()
    yield shelf
    await shelf.close()


async def test_bases_go_on_after_a_failed_copying(
    tmp_path: Path, shelf: SqliteBases, settled: list[Path], fail_copying: Callable[[], None]
) -> None:
    base = write(tmp_path / "bases.db")
    with closing(open_for_reading(tmp_path / "bases.db", BASES)):
        fail_copying()
        with pytest.raises(UnavailableError, match="a sync has failed"):
            await shelf.drop_older(TENANT, ROOM, than=0)
        for call in (shelf.newest(TENANT, ROOM), shelf.drop_older(TENANT, ROOM, than=0)):
            with pytest.raises(UnavailableError, match="locked"):
                await call
    settled.clear()
    assert await asyncio.gather(*(shelf.newest(TENANT, ROOM) for _ in range(3))) == [base] * 3
    assert len(settled) == 1
    await shelf.drop_older(TENANT, ROOM, than=0)


async def test_bases_are_read_while_there_is_no_room_to_settle_their_log(
    tmp_path: Path, shelf: SqliteBases, settled: list[Any], fail_copying: Callable[[], None]
) -> None:
    base = write(tmp_path / "bases.db")
    fail_copying()
    with pytest.raises(UnavailableError, match="a sync has failed"):
        await shelf.drop_older(TENANT, ROOM, than=0)
    settled.append(UnavailableError("disk full"))
    # Also by whoever is the first to ask, and finds that the log cannot be settled.
    for _ in range(2):
        assert await shelf.newest(TENANT, ROOM) == base
        with pytest.raises(UnavailableError, match="disk full"):
            await shelf.drop_older(TENANT, ROOM, than=0)
    settled.clear()
    await shelf.drop_older(TENANT, ROOM, than=0)
    assert await shelf.newest(TENANT, ROOM) == base


async def test_what_workers_wrote_is_copied_by_the_server_alone(tmp_path: Path, shelf: SqliteBases) -> None:
    path = tmp_path / "bases.db"
    size = path.stat().st_size
    for offset in range(1, 6):
        write(path, offset=offset, data=[bytes(1_000_000)])
    assert path.stat().st_size == size
    await shelf.drop_older(TENANT, ROOM, than=1)
    assert path.stat().st_size > 5_000_000
