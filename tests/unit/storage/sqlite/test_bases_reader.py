"""What reads the file of bases, and what it finds wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from collab_storage import CHUNK_BYTES, Base, GoneError, UnavailableError, UnreadableError
from collab_storage.acceptance_bases import ROOM, TENANT, make_data
from collab_storage.sqlite import BasesReader, read_back, reading_bases

from tests.unit.storage.sqlite.bases_files import change, lose_from_names, make_file, set_aside, write

DATA = make_data(2 * CHUNK_BYTES + 100)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_file(tmp_path / "bases.db")


@pytest.fixture
def base(path: Path) -> Base:
    """The second base of its room, with id 2, three chunks and a table; another room has id 3."""
    write(path, offset=4)
    base = write(path, offset=9, head=b"head", table=b"table", data=[DATA])
    write(path, room="other")
    return base


@pytest.fixture
def reader(path: Path, base: Base) -> Iterator[BasesReader]:
    with reading_bases(path) as reader:
        yield reader


Read = Callable[[BasesReader, Base], object]


def newest(reader: BasesReader, base: Base) -> object:
    return reader.newest(TENANT, ROOM)


def table(reader: BasesReader, base: Base) -> object:
    return reader.table(base)


def chunk(number: int) -> Read:
    return lambda reader, base: reader.chunk(base, number)


FIRST = 2 << 20
DAMAGE: list[tuple[str, Read, str]] = [
    ("UPDATE bases SET head=x'00' WHERE id=2", newest, "the entry is damaged"),
    ("UPDATE bases SET size_bytes=7 WHERE id=2", newest, "the entry is damaged"),
    ("UPDATE bases SET table_bytes='x' WHERE id=2", newest, "the entry is damaged"),
    ("UPDATE bases SET id=77 WHERE id=2", newest, "the entry is damaged"),
    ("UPDATE bases SET offset=10 WHERE id=2", newest, "the entry is damaged"),
    ("UPDATE bases SET room='moved' WHERE id=2", chunk(0), "the entry and the index of rooms disagree"),
    (f"UPDATE chunks SET data=x'00' WHERE id={FIRST}", table, "the table has not its length of 5 bytes"),
    (f"UPDATE chunks SET data='table' WHERE id={FIRST}", table, "the table has not its length"),
    (f"UPDATE chunks SET data=x'0102030405' WHERE id={FIRST}", table, "the table is damaged"),
    (f"DELETE FROM chunks WHERE id={FIRST}", table, "the table is missing"),
    (f"DELETE FROM chunks WHERE id={FIRST + 3}", chunk(2), "chunk 2 is missing"),
    (f"UPDATE chunks SET checksum=1 WHERE id={FIRST + 1}", chunk(0), "chunk 0 is damaged"),
    (
        f"DELETE FROM chunks WHERE id={FIRST + 1}; UPDATE chunks SET id=id-1 WHERE id={FIRST + 2};",
        chunk(0),
        "chunk 0 is damaged",
    ),
]


@pytest.mark.parametrize(("sql", "read", "problem"), DAMAGE)
def test_damage_is_an_error_that_names_room_and_file(
    path: Path, base: Base, reader: BasesReader, sql: str, read: Read, problem: str
) -> None:
    change(path, sql)
    with pytest.raises(UnreadableError, match=problem) as caught:
        read(reader, base)
    error = caught.value
    assert (error.where, error.tenant, error.room) == (str(path), TENANT, ROOM)
    with pytest.raises((UnreadableError, GoneError)):
        read_back(path, base)
    other = reader.newest(TENANT, "other")
    assert other is not None
    assert reader.chunk(other, 0) == b"d"


def test_a_base_that_an_index_has_lost_is_not_taken_for_absent(path: Path, base: Base) -> None:
    """Else its room would open empty, or with older text."""
    lose_from_names(path, base)
    with reading_bases(path) as reader:
        with pytest.raises(UnreadableError, match="lost from the index of rooms"):
            reader.newest(TENANT, ROOM)
        assert reader.newest(TENANT, "other") is not None


def test_a_dropped_base_is_gone_not_damaged(path: Path, base: Base, reader: BasesReader) -> None:
    replaced = write(path, offset=9)
    for read in (reader.table, lambda base: reader.chunk(base, 0), reader.check):
        with pytest.raises(GoneError, match=f"{path}.*base 2 was dropped"):
            read(base)
    assert reader.newest(TENANT, ROOM) == replaced


def test_read_back_reads_all_of_it(path: Path, base: Base) -> None:
    read_back(path, base)
    read_back(str(path), base)
    change(path, f"INSERT INTO chunks VALUES ({FIRST + 4}, 0, x'')")
    with pytest.raises(UnreadableError, match="3 chunks and a table have 5 rows"):
        read_back(path, base)


def test_read_back_compares_with_what_was_written(path: Path, base: Base) -> None:
    other = Base(base.tenant, base.room, base.id, base.offset, b"other", base.size_bytes, 5, base.time)
    with pytest.raises(UnreadableError, match="not what was written"):
        read_back(path, other)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE quarantine SET reason='other'",
        "UPDATE quarantine SET data_checksum=5",
        "UPDATE quarantine SET size_bytes=4",
    ],
)
def test_a_damaged_entry_of_the_quarantine_is_an_error(path: Path, reader: BasesReader, sql: str) -> None:
    set_aside(path)
    change(path, sql)
    with pytest.raises(UnreadableError, match="entry 1 of the quarantine is damaged"):
        reader.quarantined(TENANT, ROOM, 0, 9)


def test_damaged_bytes_in_quarantine_are_an_error(path: Path, reader: BasesReader) -> None:
    entry = set_aside(path)
    for data in ("x'00'", "'bad'", "x'626165'"):
        change(path, f"UPDATE quarantine SET data={data}")
        assert reader.quarantined(TENANT, ROOM, 0, 9) == [entry]
        with pytest.raises(UnreadableError, match="the bytes of entry 1 are damaged"):
            reader.quarantined_data(entry)


def test_a_read_leaves_no_transaction_open(path: Path, base: Base, reader: BasesReader) -> None:
    """Else the write-ahead log could never be emptied."""
    reader.chunk(base, 1)
    change(path, f"DELETE FROM chunks WHERE id={FIRST + 1}")
    with pytest.raises(UnreadableError):
        reader.chunk(base, 0)
    connection = sqlite3.connect(path)
    try:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.close()
    assert busy == 0


def test_reading_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError), reading_bases(tmp_path / "absent.db"):
        pass
    assert list(tmp_path.iterdir()) == []
