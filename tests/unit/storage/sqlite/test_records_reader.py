"""A worker reads the journal beside the server."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from collab_storage import ForeignFileError, GoneError, Record, StreamKey, UnavailableError, UnreadableError
from collab_storage.acceptance import KEY, make_record
from collab_storage.sqlite import SqliteJournal, read_records
from collab_storage.sqlite.database import BASES, create_if_absent

from tests.unit.storage.sqlite.bases_files import change

RECORDS = [make_record(offset, data=bytes(100)) for offset in (0, 1, 2, 5, 6, 9, 10)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[SqliteJournal]:
    """Open all the time, as a server's is."""
    journal = SqliteJournal(path)
    await journal.open()
    await journal.append(RECORDS)
    yield journal
    await journal.close()


def read(path: Path, *, after: int = -1, upto: int = 10, page: int = 1 << 20) -> list[Record]:
    records = read_records(path, KEY, after=after, upto=upto, max_page_bytes=page)
    return list(records)


@pytest.mark.parametrize("page", [1, 250, 1 << 20])
async def test_the_records_between_two_offsets_come_in_order(
    path: Path, journal: SqliteJournal, page: int
) -> None:
    for after, upto in ((-1, 10), (-1, 0), (1, 5), (2, 9), (5, 6), (9, 10)):
        expected = [record for record in RECORDS if after < record.offset <= upto]
        assert read(path, after=after, upto=upto, page=page) == expected
    assert read(path, after=5, upto=5) == []


async def test_what_was_placed_and_what_was_not_are_both_read(path: Path, journal: SqliteJournal) -> None:
    await journal.close()
    await journal.open()
    more = make_record(11)
    await journal.append([more])
    assert read(path, upto=11, page=300) == [*RECORDS, more]


async def test_what_is_appended_between_two_pages_is_seen(path: Path, journal: SqliteJournal) -> None:
    records = read_records(path, KEY, after=-1, upto=11, max_page_bytes=1)
    assert next(records) == RECORDS[0]
    await journal.append([make_record(11)])
    assert list(records) == [*RECORDS[1:], make_record(11)]


async def test_records_that_were_removed_are_not_passed_over(path: Path, journal: SqliteJournal) -> None:
    """Their base is older than another one: a base without them would lose them for ever."""
    await journal.remove(KEY, upto=2)
    with pytest.raises(GoneError, match="what stream 'doc' held after offset 1 was dropped"):
        read(path, after=1)
    assert read(path, after=2) == RECORDS[3:]


async def test_records_removed_between_two_pages_are_missed(path: Path, journal: SqliteJournal) -> None:
    records = read_records(path, KEY, after=-1, upto=10, max_page_bytes=1)
    next(records)
    await journal.remove(KEY, upto=5)
    with pytest.raises(GoneError):
        list(records)


async def test_records_removed_after_they_were_read_are_not_missed(
    path: Path, journal: SqliteJournal
) -> None:
    records = read_records(path, KEY, after=-1, upto=10, max_page_bytes=1)
    for _ in range(4):
        next(records)
    await journal.remove(KEY, upto=5)
    assert list(records) == RECORDS[4:]


async def test_a_room_that_is_not_there_is_gone(path: Path, journal: SqliteJournal) -> None:
    await journal.delete_room(KEY.tenant, KEY.room)
    with pytest.raises(GoneError):
        read(path)


@pytest.mark.parametrize("upto", [3, 8, 11, 100])
async def test_the_last_record_must_be_there(path: Path, journal: SqliteJournal, upto: int) -> None:
    """A base is said to cover `upto`: that one was read, or there is no base."""
    with pytest.raises(UnreadableError, match=f"offset {upto}: the record is missing"):
        read(path, upto=upto)


@pytest.mark.parametrize("number", range(1, 8))
async def test_a_lost_record_is_damage(path: Path, journal: SqliteJournal, number: int) -> None:
    await journal.close()
    change(path, f"DELETE FROM records WHERE id={number}; DELETE FROM places WHERE record_id={number};")
    with pytest.raises(UnreadableError, match=r"journal\.db"):
        read(path)


async def test_damage_after_what_was_asked_for_is_no_matter(path: Path, journal: SqliteJournal) -> None:
    await journal.close()
    change(path, "UPDATE records SET data=x'00' WHERE id>=6")
    assert read(path, upto=6) == RECORDS[:5]
    with pytest.raises(UnreadableError, match="offset 9"):
        read(path, upto=9)


async def test_between_two_pages_nothing_is_held(path: Path, journal: SqliteJournal) -> None:
    """Else the write-ahead log would grow as long as a worker compacts."""
    records = read_records(path, KEY, after=-1, upto=10, max_page_bytes=1)
    next(records)
    await journal.append([make_record(11)])
    assert await asyncio.to_thread(checkpoint, path) == 0
    list(records)


def log_bytes(path: Path) -> int:
    return Path(f"{path}-wal").stat().st_size


def checkpoint(path: Path) -> int:
    """1 if somebody was in the way."""
    connection = sqlite3.connect(path)
    try:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return int(busy)
    finally:
        connection.close()


async def test_another_file_is_not_read(tmp_path: Path) -> None:
    key = StreamKey("t", "r", "doc")
    with pytest.raises(UnavailableError):
        next(read_records(tmp_path / "absent.db", key, after=-1, upto=0))
    create_if_absent(tmp_path / "bases.db", BASES)
    with pytest.raises(ForeignFileError):
        next(read_records(tmp_path / "bases.db", key, after=-1, upto=0))


#: Reads the whole stream over and over, a record at a time, and says how often when told to stop.
WORKER = """
import sys, threading
from collab_storage.acceptance import KEY
from collab_storage.sqlite import read_records
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
rounds = 0
while not stop.is_set() or not rounds:
    records = list(read_records(sys.argv[1], KEY, after=-1, upto=10, max_page_bytes=1))
    assert [record.offset for record in records] == [0, 1, 2, 5, 6, 9, 10]
    if not rounds:
        print("reading", flush=True)
    rounds += 1
print(rounds)
"""


async def test_a_worker_reads_while_the_server_writes(path: Path, journal: SqliteJournal) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", WORKER, str(path), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert await process.stdout.readline() == b"reading\n"
    for offset in range(11, 400):
        await journal.append([make_record(offset, data=bytes(10_000))])
    process.stdin.close()
    rounds = int(await process.stdout.readline())
    assert await process.wait() == 0
    assert rounds >= 1
    assert await asyncio.to_thread(log_bytes, path) < 12_000_000
    assert await journal.verify() == []
