"""Creating, recognising and upgrading the file."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from collab_storage import ForeignFileError, NewerFormatError, StorageError, UnavailableError, UnreadableError
from collab_storage.sqlite import database
from collab_storage.sqlite.database import (
    BASES,
    JOURNAL,
    create_if_absent,
    migrations,
    open_for_reading,
    open_for_writing,
)
from collab_storage.sqlite.faults import translated


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal as it is after its creation."""
    path = tmp_path / "journal.db"
    create_if_absent(path, JOURNAL)
    return path


def pragma(path: Path, name: str) -> object:
    connection = open_for_writing(path, JOURNAL, synchronous="full")
    try:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]
    finally:
        connection.close()


def change(path: Path, sql: str) -> None:
    connection = sqlite3.connect(path)
    try:
        connection.executescript(sql)
    finally:
        connection.close()


def open_and_close(path: Path) -> None:
    open_for_writing(path, JOURNAL, synchronous="full").close()


def test_a_new_file_says_whose_it_is(path: Path) -> None:
    assert pragma(path, "application_id") == JOURNAL.application_id == int.from_bytes(b"CoJo")
    assert pragma(path, "user_version") == len(migrations(JOURNAL)) == 1
    assert pragma(path, "page_size") == 4096
    assert pragma(path, "journal_mode") == "wal"


def test_the_two_kinds_are_not_taken_for_each_other(path: Path, tmp_path: Path) -> None:
    bases = tmp_path / "bases.db"
    create_if_absent(bases, BASES)
    for file, kind in ((bases, JOURNAL), (path, BASES)):
        with pytest.raises(ForeignFileError, match="another application"):
            open_for_writing(file, kind, synchronous="full")
        with pytest.raises(ForeignFileError, match="another application"):
            open_for_reading(file, kind)
    connection = open_for_writing(bases, BASES, synchronous="full")
    try:
        assert connection.execute("PRAGMA application_id").fetchone() == (int.from_bytes(b"CoBa"),)
        assert connection.execute("PRAGMA page_size").fetchone() == (BASES.page_bytes,)
    finally:
        connection.close()


@pytest.mark.parametrize(("level", "number"), [("off", 0), ("normal", 1), ("full", 2)])
def test_the_level_of_synchronous_is_set(path: Path, level: database.Synchronous, number: int) -> None:
    connection = open_for_writing(path, JOURNAL, synchronous=level)
    try:
        assert connection.execute("PRAGMA synchronous").fetchone() == (number,)
    finally:
        connection.close()


def test_a_reader_can_change_nothing(path: Path) -> None:
    open_and_close(path)
    connection = open_for_reading(path, JOURNAL)
    try:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("INSERT INTO purges VALUES (1)")
    finally:
        connection.close()


def test_a_name_with_signs_of_a_uri_is_a_name(tmp_path: Path) -> None:
    path = tmp_path / "a?mode=memory#%41 ä.db"
    create_if_absent(path, JOURNAL)
    open_and_close(path)
    assert os.listdir(tmp_path) == [path.name]


def test_an_existing_file_is_left_alone(path: Path) -> None:
    before = path.read_bytes()
    create_if_absent(path, JOURNAL)
    assert path.read_bytes() == before


def test_a_creation_that_was_cut_short_is_begun_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    (tmp_path / "journal.db.new").write_bytes(b"half a file")
    (tmp_path / "journal.db.new-journal").write_bytes(b"half a journal")
    create_if_absent(path, JOURNAL)
    open_and_close(path)
    assert os.listdir(tmp_path) == ["journal.db"]


def test_an_empty_file_is_damage_not_a_new_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.touch()
    create_if_absent(path, JOURNAL)
    with pytest.raises(UnreadableError, match=r"journal\.db: the file is empty"):
        open_and_close(path)
    assert path.read_bytes() == b""


def test_a_lost_file_is_damage_if_its_log_is_there(tmp_path: Path) -> None:
    (tmp_path / "journal.db-wal").write_bytes(b"frames")
    with pytest.raises(UnreadableError, match="missing"):
        create_if_absent(tmp_path / "journal.db", JOURNAL)


def test_a_file_that_vanishes_is_not_made_anew(path: Path) -> None:
    path.unlink()
    with pytest.raises(UnavailableError):
        open_and_close(path)
    assert not path.exists()


def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="unable to open"):
        create_if_absent(tmp_path / "absent" / "journal.db", JOURNAL)


def test_another_applications_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    change(path, "CREATE TABLE t (x); PRAGMA application_id=7;")
    before = path.read_bytes()
    with pytest.raises(ForeignFileError, match="0x00000007"):
        open_and_close(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"x" * 10_000)
    with pytest.raises(UnreadableError, match="NOTADB"):
        open_and_close(path)
    assert path.read_bytes() == b"x" * 10_000


def test_a_refused_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    change(path, "PRAGMA application_id=7")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(ForeignFileError) as caught:
            open_and_close(path)
    del caught
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_newer_format_is_refused_and_left_alone(path: Path) -> None:
    change(path, "PRAGMA user_version=2")
    before = path.read_bytes()
    with pytest.raises(NewerFormatError, match="has format 2") as caught:
        open_and_close(path)
    assert (caught.value.found, caught.value.known) == (2, 1)
    assert path.read_bytes() == before


@pytest.mark.parametrize("kept", [100, 4096, 5000, 3 * 4096])
def test_a_truncated_file_is_damage(path: Path, kept: int) -> None:
    os.truncate(path, kept)
    with pytest.raises(UnreadableError, match=r"journal\.db"):
        read_every_table(path)


def read_every_table(path: Path) -> None:
    connection = open_for_writing(path, JOURNAL, synchronous="full")
    try:
        with translated(str(path)):
            for table in ("streams", "records", "places", "progress", "purges"):
                connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    finally:
        connection.close()


FIRST = migrations(JOURNAL)
SECOND = "ALTER TABLE streams ADD COLUMN label TEXT; CREATE TABLE added (x);"


def test_an_older_format_is_brought_up_to_date(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [*FIRST, SECOND, "INSERT INTO added VALUES (5);"]
    monkeypatch.setattr(database, "migrations", lambda kind: steps)
    open_and_close(path)
    assert pragma(path, "user_version") == 3
    change(path, "INSERT INTO added VALUES (6)")
    open_and_close(path)
    connection = open_for_reading(path, JOURNAL)
    try:
        assert connection.execute("SELECT x FROM added").fetchall() == [(5,), (6,)]
    finally:
        connection.close()


def test_who_writes_beside_the_server_does_not_upgrade(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()
    monkeypatch.setattr(database, "migrations", lambda kind: [*FIRST, SECOND])
    with pytest.raises(StorageError, match="has format 1; a server has to bring it up to format 2"):
        open_for_writing(path, JOURNAL, synchronous="full", upgrade=False)
    with pytest.raises(StorageError, match="has format 1"):
        open_for_reading(path, JOURNAL)
    assert path.read_bytes() == before


def test_a_migration_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_and_close(path)
    before = path.read_bytes()
    monkeypatch.setattr(database, "migrations", lambda kind: [*FIRST, SECOND + "no such statement;"])
    with pytest.raises(StorageError, match="syntax error"):
        open_and_close(path)
    assert path.read_bytes() == before
    monkeypatch.setattr(database, "migrations", lambda kind: [*FIRST, SECOND])
    assert pragma(path, "user_version") == 2


KILLED = """
import os, signal, sqlite3, sys
from pathlib import Path
from collab_storage.sqlite import database
first, second = database.migrations(database.JOURNAL)[0], sys.argv[2]
database.migrations = lambda kind: [first, second + "SELECT die();"]
connect = sqlite3.connect
def with_die(*args, **kwargs):
    connection = connect(*args, **kwargs)
    # A function that ends the process in the middle of the transaction, as a kill would.
    connection.create_function("die", 0, lambda: os.kill(os.getpid(), signal.SIGKILL))
    connection.execute("PRAGMA cache_size=1")
    return connection
sqlite3.connect = with_die
database.open_for_writing(Path(sys.argv[1]), database.JOURNAL, synchronous="full")
"""


def test_a_migration_that_is_killed_is_done_by_the_next_start(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_and_close(path)
    many_pages = "INSERT INTO added SELECT randomblob(9000) FROM (VALUES (1),(2),(3),(4),(5),(6),(7),(8));"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), SECOND + many_pages], check=False)
    assert done.returncode == -signal.SIGKILL
    assert pragma(path, "user_version") == 1
    monkeypatch.setattr(database, "migrations", lambda kind: [*FIRST, SECOND])
    assert pragma(path, "user_version") == 2
    assert pragma(path, "integrity_check") == "ok"
