"""One flipped byte anywhere in the file: an error that names the file, or no difference."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from collab_storage import Record, RecordKind, StorageError, StreamKey
from collab_storage.sqlite.database import JOURNAL, create_if_absent, open_for_reading, open_for_writing
from collab_storage.sqlite.reader import Reader
from collab_storage.sqlite.writer import Writer

ROOMS = ("a", "a/2", "Straße")
KEYS = [StreamKey("default", room, stream) for room in ROOMS for stream in ("doc", "doc.held")]
ALONE = StreamKey("default", "alone", "doc")

Found = tuple[list[Record], int | None] | StorageError


def build(path: Path) -> None:
    """A closed journal of seven streams with gaps, removed records, and one record over several pages."""
    create_if_absent(path, JOURNAL)
    connection = open_for_writing(path, JOURNAL, synchronous="off")
    try:
        writer, chance = Writer(connection, where=str(path)), random.Random(1)
        for number in range(12):
            offset, size = number * (1 + (number > 5)), 5000 if number == 7 else chance.choice([5, 40, 300])
            writer.append([make(key, offset, chance.randbytes(size)) for key in KEYS])
        writer.append([make(ALONE, 0, b"only")])
        writer.remove(KEYS[0], 3)
        writer.remove_offsets(KEYS[1], [4, 5])
        writer.remove_offsets(KEYS[3], [0, 1])
        writer.finish()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def make(key: StreamKey, offset: int, data: bytes) -> Record:
    return Record(key.tenant, key.room, key.stream, offset, RecordKind.DELTA, data, b'[["ada",[7]]]', 1.5)


def content(path: Path) -> dict[StreamKey, Found]:
    """What a server that starts on the file would find in each stream."""
    writing = open_for_writing(path, JOURNAL, synchronous="off")
    try:
        Writer(writing, where=str(path))
        reading = open_for_reading(path, JOURNAL)
        try:
            reader = Reader(reading, where=str(path))
            return {key: read(reader, key) for key in [*KEYS, ALONE]}
        finally:
            reading.close()
    finally:
        writing.close()


def content_or_error(path: Path) -> dict[StreamKey, Found]:
    try:
        return content(path)
    except StorageError as error:
        return {ALONE: error}


def read(reader: Reader, key: StreamKey) -> Found:
    try:
        return reader.read(key, -1, 1 << 30, recent=True), reader.head(key, recent=True)
    except StorageError as error:
        return error


@pytest.mark.slow
def test_no_flipped_byte_goes_unnoticed(tmp_path: Path) -> None:
    path, copy = tmp_path / "journal.db", tmp_path / "copy.db"
    build(path)
    expected, whole = content(path), path.read_bytes()
    chance, noticed = random.Random(5), 0
    for position in range(chance.randrange(17), len(whole), 17):
        flipped = bytearray(whole)
        flipped[position] ^= chance.choice([1 << chance.randrange(8), chance.randrange(1, 256)])
        copy.write_bytes(flipped)
        for key, found in content_or_error(copy).items():
            if isinstance(found, StorageError):
                assert str(copy) in str(found)
                noticed += 1
            else:
                assert found == expected[key], f"byte {position} changed {key} unnoticed"
    assert noticed > 500
