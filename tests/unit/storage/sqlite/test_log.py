"""When the write-ahead log is copied into its file, and how after a copying has failed.

What a failing sync does to pages that were copied before is told in tests/durability/test_partial_copy.py.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from collab_storage.errors import UnavailableError
from collab_storage.sqlite import database
from collab_storage.sqlite.database import JOURNAL, create_if_absent, open_for_reading, open_for_writing
from collab_storage.sqlite.log import Log, settle_log


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    create_if_absent(path, JOURNAL)
    return path


@pytest.fixture
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_for_writing(path, JOURNAL, synchronous="off")) as connection:
        yield connection


def insert(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("INSERT INTO purges (stream_id) VALUES (?)", (number,))


def numbers(path: Path) -> list[int]:
    """What the file alone holds, without its log."""
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    with closing(sqlite3.connect(copy)) as connection:
        return [number for (number,) in connection.execute("SELECT stream_id FROM purges")]


def make_log() -> Log:
    return Log(replace(JOURNAL, checkpoint_pages=100), where="journal.db")


def test_nothing_is_copied_but_by_us(path: Path, writing: sqlite3.Connection) -> None:
    for number in range(1200):
        insert(writing, number)
    assert writing.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1] >= 1200


def test_it_is_due_after_so_many_pages_and_copied_whole(path: Path, writing: sqlite3.Connection) -> None:
    log = make_log()
    insert(writing, 1)
    log.wrote(size_bytes=98 * JOURNAL.page_bytes)
    assert not log.is_due
    log.wrote(rows=1)
    assert log.is_due
    log.copy(writing)
    assert numbers(path) == [1]
    assert log.pages == 0


@pytest.mark.parametrize(
    ("rows", "size_bytes", "pages"), [(0, 0, 0), (1, 0, 1), (8, 0, 3), (0, 1, 1), (0, 8192, 3), (8, 8192, 5)]
)
def test_a_commit_takes_a_page_and_what_its_rows_and_bytes_fill(
    rows: int, size_bytes: int, pages: int
) -> None:
    log = make_log()
    log.wrote(rows=rows, size_bytes=size_bytes)
    assert log.pages == pages


def test_a_part_is_soon_followed_by_the_rest(path: Path, writing: sqlite3.Connection) -> None:
    log = make_log()
    insert(writing, 1)
    with closing(open_for_reading(path, JOURNAL)) as reading:
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM purges").fetchone()
        insert(writing, 2)
        log.copy(writing)
        assert log.pages == 90
    log.copy(writing)
    assert log.pages == 0
    assert numbers(path) == [1, 2]


class Failing:
    """A connection whose copying fails with a code."""

    def __init__(self, code: int) -> None:
        self.error = sqlite3.OperationalError("it failed")
        self.error.sqlite_errorcode = code

    def execute(self, sql: str) -> None:
        raise self.error


def test_a_failure_is_told_and_noted(path: Path) -> None:
    log = make_log()
    with pytest.raises(UnavailableError, match=r"journal\.db: it failed"):
        log.copy(Failing(sqlite3.SQLITE_IOERR_FSYNC))  # type: ignore[arg-type]
    assert log.failed


def test_a_full_disk_is_no_failure(path: Path) -> None:
    log = make_log()
    log.copy(Failing(sqlite3.SQLITE_FULL))  # type: ignore[arg-type]
    assert not log.failed


def leave_log(path: Path, rows: int = 1) -> None:
    """Write through a process that is killed."""
    program = (
        "import os, sys; from pathlib import Path; from collab_storage.sqlite.database import *\n"
        "connection = open_for_writing(Path(sys.argv[1]), JOURNAL, synchronous='full')\n"
        f"connection.execute('BEGIN'); many = [(7 + n,) for n in range({rows})]\n"
        "connection.executemany('INSERT INTO purges (stream_id) VALUES (?)', many)\n"
        "connection.execute('COMMIT'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=True)
    assert Path(f"{path}-wal").stat().st_size > 0


def test_the_log_of_an_earlier_process_is_copied_and_begun_anew(path: Path) -> None:
    """It may be in the kernel's memory alone; tests/durability/test_disk_faults.py tells the story."""
    leave_log(path)
    assert settle_log(path, JOURNAL) is None
    assert not Path(f"{path}-wal").exists()
    assert numbers(path) == [7]


def test_what_counts_as_copied_is_copied_again(path: Path, writing: sqlite3.Connection) -> None:
    """The file is given back its old bytes after a copying, as by a disk that has forgotten them."""
    insert(writing, 1)
    with closing(open_for_reading(path, JOURNAL)):
        before = path.with_name("before.db")
        subprocess.run(["cp", path, before], check=True)
        assert writing.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[0] == 0
        writing.close()
        subprocess.run(["cp", before, path], check=True)
    assert settle_log(path, JOURNAL) is None
    assert numbers(path) == [1]


def test_a_reader_that_closes_last_copies_nothing(path: Path, writing: sqlite3.Connection) -> None:
    insert(writing, 1)
    before = subprocess.run(["cksum", path], capture_output=True, check=True).stdout
    with closing(open_for_reading(path, JOURNAL)):
        writing.close()
    assert subprocess.run(["cksum", path], capture_output=True, check=True).stdout == before
    assert Path(f"{path}-wal").stat().st_size > 0


def test_somebody_who_has_the_file_open_is_waited_for_and_then_named_the_cause(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "ALONE_SECONDS", 0.05)
    leave_log(path)
    with (
        closing(open_for_reading(path, JOURNAL)),
        pytest.raises(UnavailableError, match=r"journal\.db: database is locked"),
    ):
        settle_log(path, JOURNAL)
    assert settle_log(path, JOURNAL) is None


def test_a_disk_that_fails_is_an_error_that_leaves_a_file_to_read(path: Path) -> None:
    leave_log(path, rows=30_000)
    program = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from collab_storage.sqlite.database import *; from collab_storage.sqlite.log import settle_log\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "print(settle_log(Path(sys.argv[1]), JOURNAL))\n"
        "connection = open_for_reading(Path(sys.argv[1]), JOURNAL)\n"
        "print(connection.execute('SELECT count(*) FROM purges').fetchone())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    error, rows = done.stdout.splitlines()
    assert "journal.db: " in error
    assert rows == "(30000,)"
    assert settle_log(path, JOURNAL) is None
    assert len(numbers(path)) == 30_000
