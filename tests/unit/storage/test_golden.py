"""The journals of every format that was ever written are read, and read as `FORMAT.md` says.

A new format adds its golden files: `python tests/unit/storage/test_golden.py` writes those of the present,
one of a journal that was closed and one of a journal whose server was killed.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path
from unittest import mock
from zlib import crc32

import pytest
from collab_storage import Journal, Record, RecordKind, StreamInfo, StreamKey
from collab_storage.acceptance import read_all
from collab_storage.sqlite import SqliteJournal
from collab_storage.sqlite.database import JOURNAL, migrations
from collab_storage.sqlite.writer import Writer

GOLDEN = Path(__file__).parents[3] / "storage" / "golden"
ADA = b'[["ada",[2094318276]]]'
BOTH = b'[["ada",[2094318276]],["bob",[17,4102455120]]]'

DOC = StreamKey("default", "algebra/lesson 1", "doc")
HELD = StreamKey("default", "algebra/lesson 1", "doc.held")
CHAT = StreamKey("school", "Straße \U0001f600", "chat")
EMPTIED = StreamKey("default", "emptied", "doc")
GONE = StreamKey("default", "gone", "doc")


def record(key: StreamKey, offset: int, kind: RecordKind, data: bytes, authors: bytes) -> Record:
    return Record(key.tenant, key.room, key.stream, offset, kind, data, authors, 1_700_000_000.125 + offset)


WRITTEN = [
    *[record(DOC, n, RecordKind.DELTA, bytes([n]) * (n * 300), ADA if n % 2 else BOTH) for n in range(8)],
    *[record(HELD, 5 + 2 * n, RecordKind.HELD, b"held %d" % n, ADA) for n in range(4)],
    *[record(CHAT, n, RecordKind.EVENT, b"hello %d" % n, b"[]") for n in range(3)],
    *[record(key, 0, RecordKind.DELTA, b"0", b"[]") for key in (EMPTIED, GONE)],
]
KEPT = {
    DOC: [row for row in WRITTEN if row.key == DOC and row.offset > 2],
    HELD: [row for row in WRITTEN if row.key == HELD and row.offset != 7],
    CHAT: [row for row in WRITTEN if row.key == CHAT],
    EMPTIED: [],
}
HEADS = {DOC: 7, HELD: 11, CHAT: 2, EMPTIED: 0}


async def write(journal: Journal) -> None:
    await journal.open()
    await journal.append([row for row in WRITTEN if row.key != CHAT])
    await journal.remove(DOC, upto=2)
    await journal.remove_offsets(HELD, [7])
    await journal.remove(EMPTIED, upto=0)
    await journal.delete_room(GONE.tenant, GONE.room)
    # Nothing after this gives records their places but closing.
    await journal.append(KEPT[CHAT])
    await journal.close()


@pytest.fixture(params=sorted(GOLDEN.glob("journal-*.db")), ids=lambda path: path.stem)
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of one golden file."""
    return Path(shutil.copy(request.param, tmp_path))


async def test_every_golden_file_holds_what_was_written(golden: Path) -> None:
    journal = SqliteJournal(golden)
    await journal.open()
    for key, records in KEPT.items():
        assert await read_all(journal, key) == records
        assert await journal.head(key) == HEADS[key]
    assert await journal.rooms("default") == [DOC.room, EMPTIED.room]
    assert await journal.rooms("school") == [CHAT.room]
    assert await journal.streams("default", EMPTIED.room) == [StreamInfo("doc", 0, 0, 0)]
    assert await journal.head(GONE) is None
    assert await journal.verify() == []
    await journal.append([record(DOC, 8, RecordKind.DELTA, b"more", ADA)])
    await journal.close()


def test_there_is_one_for_every_format() -> None:
    formats = [f"journal-{number + 1:04}" for number in range(len(migrations(JOURNAL)))]
    names = {path.stem for path in GOLDEN.glob("journal-*.db")}
    assert names == {*formats, *(f"{name}-killed" for name in formats)}


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    """The golden file of format 1, through nothing but SQLite."""
    connection = sqlite3.connect(f"file:{GOLDEN / 'journal-0001.db'}?mode=ro&immutable=1", uri=True)
    yield connection
    connection.close()


def test_the_document_suffices_to_read_format_1(database: sqlite3.Connection) -> None:
    """Written after `FORMAT.md` alone."""
    (placed, checksum) = database.execute("SELECT placed, checksum FROM progress").fetchone()
    assert checksum == crc32(struct.pack(">q", placed))
    for key, records in KEPT.items():
        name = b"".join(part.encode() + b"\0" for part in (key.tenant, key.room, key.stream))
        number, floor, head, checksum = database.execute(
            "SELECT id, floor, head, checksum FROM streams"
            " WHERE tenant=? AND room=? AND stream=? AND key_checksum=?",
            (key.tenant, key.room, key.stream, crc32(name)),
        ).fetchone()
        assert checksum == crc32(name + struct.pack(">qq", floor, head))
        assert head == HEADS[key]
        found = database.execute(
            "SELECT p.offset, skipped, kind, time, authors, data, checksum FROM places p"
            " JOIN records r ON r.id = p.record_id WHERE p.stream_id=? AND p.offset>? ORDER BY p.offset",
            (number, floor),
        ).fetchall()
        for offset, skipped, kind, time, authors, data, checksum in found:
            fields = struct.pack(">qqBdI", offset, skipped, kind, time, len(authors))
            assert checksum == crc32(name + fields + authors + data)
        assert [(row[0], *row[2:6]) for row in found if row[2] != 0] == [
            (row.offset, row.kind, row.time, row.authors, row.data) for row in records
        ]


if __name__ == "__main__":
    name = f"journal-{len(migrations(JOURNAL)):04}"
    asyncio.run(write(SqliteJournal(GOLDEN / f"{name}.db")))
    with mock.patch.object(Writer, "finish"):
        asyncio.run(write(SqliteJournal(GOLDEN / f"{name}-killed.db")))
