"""The files of bases of every format that was ever written are read, and read as `FORMAT.md` says.

A new format adds its golden files: `python tests/unit/storage/test_golden_bases.py` writes those of the
present, one of a store that was closed and one whose worker was killed, with the log that it left.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest
from collab_storage import CHUNK_BYTES, Base
from collab_storage.acceptance_bases import make_data, read_data
from collab_storage.sqlite import SqliteBases, quarantine, write_base
from collab_storage.sqlite.bases_writer import delete_room, drop_older, purge
from collab_storage.sqlite.database import BASES, create_if_absent, migrations, open_for_writing

GOLDEN = Path(__file__).parents[3] / "storage" / "golden"
TIME = 1_700_000_000.125

Key = tuple[str, str]
LESSON, SMILE, EMPTIED = ("default", "algebra/lesson 1"), ("school", "Straße \U0001f600"), ("default", "gone")

#: Room, offset, head, table, data; in the order in which they are written.
WRITTEN: list[tuple[Key, int, bytes, bytes, bytes]] = [
    (LESSON, 3, b"head 3", b"table 3", b"dropped"),
    (LESSON, 9, b"head 9", bytes(range(256)), b"replaced"),
    (LESSON, 9, b"head 9, again", b"table", bytes(CHUNK_BYTES) + b"the end"),
    (LESSON, 7, b"head 7", b"", b"older, and kept"),
    (SMILE, 0, b"", b"", b""),
    (EMPTIED, 1, b"h", b"t", make_data(40_000)),
    (("school", "plain"), 5, b"h" * 300, b"t" * 3000, make_data(20_000)),
]
#: Ids that are kept, with what was written, counted from 1.
KEPT = {3: WRITTEN[2], 4: WRITTEN[3], 5: WRITTEN[4], 7: WRITTEN[6]}
NEWEST = {LESSON: 3, SMILE: 5, ("school", "plain"): 7, EMPTIED: None}
ASIDE = [(9, "no struct at 17", b"\xff\x00bad"), (-1, "", b"")]


def write(path: Path) -> None:
    """All of it, and nothing closed but what workers close."""
    for (tenant, room), offset, head, table, data in WRITTEN:
        given = {"tenant": tenant, "room": room, "offset": offset, "time": TIME + offset}
        write_base(path, **given, head=head, table=table, data=[data])  # type: ignore[arg-type]
    for offset, reason, data in ASIDE:
        tenant, room = LESSON
        given = {"tenant": tenant, "room": room, "offset": offset, "time": TIME}
        quarantine(path, **given, reason=reason, data=data)  # type: ignore[arg-type]
    connection = open_for_writing(path, BASES, synchronous="full")
    drop_older(connection, path=path, tenant=LESSON[0], room=LESSON[1], than=7)
    delete_room(connection, path=path, tenant=EMPTIED[0], room=EMPTIED[1])
    while purge(connection, path=path):
        pass
    connection.close()


@pytest.fixture(params=sorted(GOLDEN.glob("bases-*.db")), ids=lambda path: path.stem)
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of one golden file, and of its log if it has one."""
    if (log := Path(f"{request.param}-wal")).exists():
        shutil.copy(log, tmp_path)
    return Path(shutil.copy(request.param, tmp_path))


async def test_every_golden_file_holds_what_was_written(golden: Path) -> None:
    bases = SqliteBases(golden)
    await bases.open()
    for (tenant, room), number in NEWEST.items():
        base = await bases.newest(tenant, room)
        assert (base and base.id) == number
    for number, (key, offset, head, table, data) in KEPT.items():
        base = Base(*key, number, offset, head, len(data), len(table), TIME + offset)
        assert await bases.table(base) == table
        assert await read_data(bases, base) == data
    assert await bases.rooms("default") == [LESSON[1]]
    assert await bases.rooms("school") == sorted(["plain", SMILE[1]])
    entries = await bases.quarantined(*LESSON)
    found = [(entry.offset, entry.reason, await bases.quarantined_data(entry)) for entry in entries]
    assert found == ASIDE
    assert await bases.verify() == []
    assert write_base(golden, tenant="t", room="r", offset=1, head=b"", table=b"", data=[], time=1.0).id == 8
    await bases.close()


def test_there_is_one_for_every_format() -> None:
    formats = [f"bases-{number + 1:04}" for number in range(len(migrations(BASES)))]
    assert {path.stem for path in GOLDEN.glob("bases-*.db")} == {
        *formats,
        *(f"{name}-killed" for name in formats),
    }


def test_the_one_of_a_killed_worker_has_its_log() -> None:
    for path in GOLDEN.glob("bases-*-killed.db"):
        assert Path(f"{path}-wal").stat().st_size > 0


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    """The golden file of format 1, through nothing but SQLite."""
    connection = sqlite3.connect(f"file:{GOLDEN / 'bases-0001.db'}?mode=ro&immutable=1", uri=True)
    yield connection
    connection.close()


def test_the_document_suffices_to_read_format_1(database: sqlite3.Connection) -> None:
    """Written after `FORMAT.md` alone."""
    for (tenant, room), offset, head, table, data in KEPT.values():
        key = tenant.encode() + b"\0" + room.encode() + b"\0"
        row = database.execute(
            "SELECT id, time, size_bytes, table_bytes, head, checksum, key_checksum FROM bases"
            " WHERE tenant=? AND room=? AND offset=?",
            (tenant, room, offset),
        ).fetchone()
        number, time, size, table_size, found_head, checksum, key_checksum = row
        base = key + struct.pack(">qq", number, offset)
        assert key_checksum == crc32(key)
        assert checksum == crc32(base + struct.pack(">dqq", time, size, table_size) + found_head)
        assert (time, size, table_size, found_head) == (TIME + offset, len(data), len(table), head)
        chunks = database.execute(
            "SELECT id - ?1, data, checksum FROM chunks WHERE id BETWEEN ?1 AND ?1 + 1048575 ORDER BY id",
            (number * 1048576,),
        ).fetchall()
        assert [row[0] for row in chunks] == list(range(1 + -(-size // 1048576)))
        for position, content, checksum in chunks:
            assert checksum == crc32(base + struct.pack(">q", position) + content)
        assert [len(content) for _, content, _ in chunks[1:-1]] == [1048576] * (len(chunks) - 2)
        assert chunks[0][1] == table
        assert b"".join(content for _, content, _ in chunks[1:]) == data


def test_the_document_suffices_to_read_the_quarantine_of_format_1(database: sqlite3.Connection) -> None:
    rows = database.execute(
        "SELECT offset, time, size_bytes, data_checksum, checksum, reason, data FROM quarantine"
        " WHERE tenant=? AND room=? ORDER BY id",
        LESSON,
    ).fetchall()
    key = b"".join(part.encode() + b"\0" for part in LESSON)
    for offset, time, size, data_checksum, checksum, reason, data in rows:
        fields = struct.pack(">qdqI", offset, time, size, data_checksum)
        assert (size, data_checksum) == (len(data), crc32(data))
        assert checksum == crc32(key + fields + reason.encode())
    assert [(row[0], row[5], row[6]) for row in rows] == ASIDE


def _write_golden(path: Path, *, killed: bool) -> None:
    create_if_absent(path, BASES)
    open_for_writing(path, BASES, synchronous="full").close()
    if killed:
        # Somebody else has the file open, so no worker is the last to close and empties the log.
        other = sqlite3.connect(path)
        other.execute("SELECT count(*) FROM bases").fetchone()
        write(path)
        os.kill(os.getpid(), 9)
    write(path)


if __name__ == "__main__":
    name = f"bases-{len(migrations(BASES)):04}"
    if sys.argv[1:] == ["killed"]:
        _write_golden(GOLDEN / f"{name}-killed.db", killed=True)
    _write_golden(GOLDEN / f"{name}.db", killed=False)
    subprocess.run([sys.executable, __file__, "killed"], check=False)
    Path(GOLDEN / f"{name}-killed.db-shm").unlink()
