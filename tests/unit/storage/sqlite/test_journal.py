"""The journal on SQLite: the suite of the port, faults, threads."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from blockbuster import BlockBuster
from collab_storage import Journal, Record, StorageError, StreamKey, UnavailableError
from collab_storage.acceptance import KEY, JournalAcceptance, make_record, offsets, read_all
from collab_storage.sqlite import SqliteJournal, database, writer

HELD = StreamKey(KEY.tenant, KEY.room, "doc.held")
OTHER = StreamKey(KEY.tenant, "other", "doc")


class TestSqliteJournal(JournalAcceptance):
    def make_journal(self, directory: Path) -> Journal:
        return SqliteJournal(directory / "journal.db")


class TestSqliteJournalUnsynchronised(JournalAcceptance):
    def make_journal(self, directory: Path) -> Journal:
        return SqliteJournal(directory / "journal.db", synchronous="off")


class FaultyConnection(sqlite3.Connection):
    """Fails the call whose number is `fail_at`, before or after doing what it says; once.

    Notes in `misused` whatever is committed through a connection that has failed.
    """

    fail_at: ClassVar[int] = -1
    after: ClassVar[bool] = False
    calls: ClassVar[int] = 0
    misused: ClassVar[list[str]] = []

    failed = False

    @classmethod
    def plan(cls, fail_at: int, *, after: bool) -> None:
        cls.fail_at, cls.after, cls.calls, cls.misused = fail_at, after, 0, []

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        return self._run(super().execute, sql, *args)

    def executemany(self, sql: str, *args: Any) -> sqlite3.Cursor:
        return self._run(super().executemany, sql, *args)

    def _run(self, function: Callable[..., sqlite3.Cursor], sql: str, *args: Any) -> sqlite3.Cursor:
        number = FaultyConnection.calls
        FaultyConnection.calls += 1
        if self.failed and sql.split()[0] in {"INSERT", "COMMIT"}:
            FaultyConnection.misused.append(sql)
        if number != self.fail_at:
            return function(sql, *args)
        self.failed = True
        if self.after:
            function(sql, *args)
        error = sqlite3.OperationalError("disk I/O error, as planned")
        error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_IOERR_FSYNC, "SQLITE_IOERR_FSYNC"
        raise error


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FaultyConnection]]:
    """Every connection that is opened from now on is a `FaultyConnection`."""
    connect = sqlite3.connect

    def faulty_connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        return connect(*args, factory=FaultyConnection, **kwargs)

    monkeypatch.setattr(sqlite3, "connect", faulty_connect)
    yield FaultyConnection
    FaultyConnection.plan(-1, after=False)


async def insist(call: Callable[[], Awaitable[Any]]) -> Any:
    """The result of a call, tried again when the store is unavailable; the fault comes once."""
    try:
        return await call()
    except UnavailableError:
        return await call()


async def whole_life(path: Path) -> list[Record]:
    """Everything that is ever done to a journal; what is left of it, after a restart."""
    journal = SqliteJournal(path, synchronous="off")
    await insist(journal.open)
    for batch in (
        [make_record(0), make_record(0, key=HELD)],
        [make_record(1), make_record(2)],
        [make_record(0, key=OTHER), make_record(3), make_record(1, key=HELD)],
        [make_record(offset) for offset in range(4, 90)],
    ):
        await insist(partial(journal.append, batch))
    await insist(lambda: journal.remove(KEY, upto=1))
    await insist(lambda: journal.remove_offsets(HELD, [0]))
    await insist(lambda: journal.delete_room(OTHER.tenant, OTHER.room))
    assert await insist(lambda: journal.head(KEY)) == 89
    await insist(journal.close)
    journal = SqliteJournal(path, synchronous="off")
    await insist(journal.open)
    kept = await insist(lambda: read_all(journal)) + await insist(lambda: read_all(journal, HELD))
    assert await insist(lambda: journal.rooms("default")) == [KEY.room]
    assert await insist(journal.verify) == []
    await insist(journal.close)
    return list(kept)


@pytest.mark.parametrize("after", [False, True], ids=["fails", "succeeds but says it failed"])
async def test_the_nth_call_fails_for_every_n(
    tmp_path: Path, faulty: type[FaultyConnection], after: bool
) -> None:
    expected = [make_record(offset) for offset in range(2, 90)] + [make_record(1, key=HELD)]
    number = 0
    while True:
        faulty.plan(number, after=after)
        assert await whole_life(tmp_path / f"{number}.db") == expected
        assert faulty.misused == []
        if faulty.calls <= number:
            break
        number += 1
    assert number > 60


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    journal = SqliteJournal(tmp_path / "journal.db")
    await journal.open()
    yield journal
    await journal.close()


async def test_after_a_failed_commit_the_next_one_uses_another_connection(
    tmp_path: Path, faulty: type[FaultyConnection]
) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    await journal.open()
    await journal.append([make_record(0)])
    faulty.plan(0, after=False)
    queued = [asyncio.ensure_future(journal.append([make_record(offset)])) for offset in (1, 2, 3)]
    results = await asyncio.gather(*queued, return_exceptions=True)
    assert all(isinstance(result, UnavailableError) for result in results)
    assert await offsets(journal) == [0]
    await journal.append([make_record(1)])
    assert await offsets(journal) == [0, 1]
    assert faulty.misused == []
    await journal.close()


async def test_appends_that_meet_a_broken_connection_open_one_new_one(
    tmp_path: Path, faulty: type[FaultyConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    await journal.open()
    await journal.append([make_record(0)])
    faulty.plan(0, after=False)
    with pytest.raises(UnavailableError):
        await journal.append([make_record(1)])
    opened: list[Path] = []

    def open_once(path: Path, kind: database.FileKind, **options: Any) -> sqlite3.Connection:
        opened.append(path)
        return database.open_for_writing(path, kind, **options)

    monkeypatch.setattr("collab_storage.sqlite.journal.open_for_writing", open_once)
    await asyncio.gather(*(journal.append([make_record(offset)]) for offset in (1, 2, 3)))
    assert await offsets(journal) == [0, 1, 2, 3]
    assert len(opened) == 1
    await journal.close()


async def test_nothing_is_left_open_when_opening_fails(
    tmp_path: Path, faulty: type[FaultyConnection]
) -> None:
    (tmp_path / "journal.db").write_bytes(b"not a database, not at all" * 100)
    journal = SqliteJournal(tmp_path / "journal.db")
    await asyncio.to_thread(int)
    before = set(threading.enumerate())
    with pytest.raises(StorageError):
        await journal.open()
    with pytest.raises(StorageError, match="not open"):
        await journal.append([make_record(0)])
    with pytest.raises(StorageError, match="not open"):
        await journal.read(KEY)
    await journal.close()
    # The thread of a connection that failed ends on its own.
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()


async def test_a_closed_journal_says_so(journal: SqliteJournal) -> None:
    await journal.close()
    for call in (
        journal.append([make_record(0)]),
        journal.read(KEY),
        journal.remove(KEY, upto=1),
        journal.verify(),
    ):
        with pytest.raises(StorageError, match="not open"):
            await call


async def test_a_long_read_does_not_delay_a_commit(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await journal.append([make_record(0)])
    reading, go = threading.Event(), threading.Event()
    _, reader = await journal._reading.reader()
    read = reader.read

    def slow_read(*args: Any, **kwargs: Any) -> list[Record]:
        found = read(*args, **kwargs)
        reading.set()
        go.wait(10)
        return found

    monkeypatch.setattr(reader, "read", slow_read)
    task = asyncio.ensure_future(journal.read(KEY))
    await asyncio.to_thread(reading.wait, 10)
    await journal.append([make_record(1)])
    assert not task.done()
    go.set()
    assert [record.offset for record in await task] == [0]


async def test_the_loop_itself_touches_no_file(tmp_path: Path) -> None:
    guard = BlockBuster()
    guard.activate()
    try:
        journal = SqliteJournal(tmp_path / "journal.db")
        await journal.open()
        await journal.append([make_record(0), make_record(0, key=OTHER)])
        await journal.read(KEY)
        await journal.head(KEY)
        await journal.rooms("default")
        await journal.streams(KEY.tenant, KEY.room)
        await journal.remove(KEY, upto=0)
        await journal.remove_offsets(OTHER, [0])
        await journal.delete_room(KEY.tenant, KEY.room)
        await journal.verify()
        await journal.close()
    finally:
        guard.deactivate()


async def test_a_read_that_begins_before_the_first_record_sees_no_damage(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream had nothing recent when it was asked for, and has when it is looked at."""
    monkeypatch.setattr(writer.Writer, "has_recent", lambda self, key: False)
    await journal.append([make_record(0), make_record(1)])
    assert await journal.read(KEY) == [make_record(0), make_record(1)]
    assert await journal.head(KEY) == 1


async def test_another_programs_lock_is_unavailable_not_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = replace(database.JOURNAL, busy_timeout_seconds=0.05)
    monkeypatch.setattr("collab_storage.sqlite.journal.JOURNAL", impatient)
    journal = SqliteJournal(tmp_path / "journal.db")
    await journal.open()
    await journal.append([make_record(0)])
    other = await asyncio.to_thread(
        sqlite3.connect, tmp_path / "journal.db", isolation_level=None, check_same_thread=False
    )
    await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
    with pytest.raises(UnavailableError, match="locked"):
        await journal.append([make_record(1)])
    await asyncio.to_thread(other.close)
    await journal.append([make_record(1)])
    assert await offsets(journal) == [0, 1]
    await journal.close()
