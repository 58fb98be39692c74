from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path

import pytest
from collab_storage import ForeignFileError, NewerFormatError, Record, RecordKind, StorageError, StreamKey
from collab_storage.sqlite import SqliteJournal, look_into

KEY = StreamKey("default", "notes", "doc")


def _record(offset: int) -> Record:
    return Record("default", "notes", "doc", offset, RecordKind.DELTA, b"delta", b"[]", 1.0)


def _offsets(path: Path) -> list[int]:
    with look_into(path) as reader:
        return [record.offset for record in reader.read(KEY, -1, 1 << 30, recent=True)]


async def test_what_a_running_server_has_just_written_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    journal = SqliteJournal(path)
    await journal.open()
    try:
        await journal.append([_record(0), _record(1)])
        assert await asyncio.to_thread(_offsets, path) == [0, 1]
        await journal.append([_record(2)])
        assert await asyncio.to_thread(_offsets, path) == [0, 1, 2]
    finally:
        await journal.close()
    assert _offsets(path) == [0, 1, 2]


async def test_looking_changes_no_byte_and_a_server_starts_on_it_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    journal = SqliteJournal(path)
    await journal.open()
    await journal.append([_record(0)])
    await journal.close()
    before = path.read_bytes()
    with look_into(path) as reader:
        assert reader.streams("default", "notes")
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader._connection.execute("DELETE FROM records")
    assert path.read_bytes() == before
    await journal.open()
    await journal.append([_record(1)])
    await journal.close()
    assert _offsets(path) == [0, 1]


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), look_into(tmp_path / "journal.sqlite3"):
        pass
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("pragma", "error"),
    [
        ("application_id=7", ForeignFileError),
        ("user_version=99", NewerFormatError),
        ("user_version=0", StorageError),
    ],
)
async def test_another_format_is_left_alone(tmp_path: Path, pragma: str, error: type[StorageError]) -> None:
    path = tmp_path / "journal.sqlite3"
    journal = SqliteJournal(path)
    await journal.open()
    await journal.close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA {pragma}")
    connection.close()
    with pytest.raises(error), look_into(path):
        pass
