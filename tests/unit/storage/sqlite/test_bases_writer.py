"""What changes the file of bases, and that nobody fails for anybody else."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from collab_storage import CHUNK_BYTES, StorageError, UnavailableError, UnreadableError
from collab_storage.acceptance_bases import ROOM, TENANT, make_data
from collab_storage.sqlite import bases_writer, database, read_back, reading_bases, withdraw_base
from collab_storage.sqlite.bases_writer import delete_room, drop_older, purge
from collab_storage.sqlite.database import BASES, open_for_writing

from tests.unit.storage.sqlite.bases_files import change, count, make_file, set_aside, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_file(tmp_path / "bases.db")


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    """The server's, for one change."""
    connection = open_for_writing(path, BASES, synchronous="off", upgrade=False)
    yield connection
    connection.close()


def test_a_base_is_its_rows(path: Path) -> None:
    base = write(path, data=[make_data(2 * CHUNK_BYTES), b"end"])
    assert (base.id, base.size_bytes, base.chunks) == (1, 2 * CHUNK_BYTES + 3, 3)
    assert count(path, "chunks") == 4
    read_back(path, base)


def test_a_damaged_base_that_is_withdrawn_gives_way_to_the_one_before(path: Path) -> None:
    older, damaged = write(path, offset=1), write(path, offset=2)
    change(path, f"UPDATE chunks SET data=x'00' WHERE id={damaged.id * 1048576 + 1}")
    with pytest.raises(UnreadableError):
        read_back(path, damaged)
    for _ in range(2):
        withdraw_base(path, damaged, synchronous="off")
    with reading_bases(path) as reader:
        assert reader.newest(TENANT, ROOM) == older
    assert count(path, "purges") == 1


def test_a_worker_creates_no_file(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        write(tmp_path / "absent.db")
    with pytest.raises(UnavailableError):
        set_aside(tmp_path / "absent.db")
    (tmp_path / "empty.db").touch()
    with pytest.raises(UnreadableError, match="empty"):
        write(tmp_path / "empty.db")
    assert [file.name for file in tmp_path.iterdir()] == ["empty.db"]


def test_a_worker_of_a_later_version_does_not_upgrade(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [*database.migrations(BASES), "CREATE TABLE added (x);"]
    monkeypatch.setattr(database, "migrations", lambda kind: steps)
    with pytest.raises(StorageError, match="a server has to bring it up to format 2"):
        write(path)


def test_a_file_that_was_upgraded_meanwhile_is_not_written(
    path: Path, connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that outlived its server, and the next server is of a later version."""
    change(path, "PRAGMA user_version=2")
    monkeypatch.setattr(bases_writer, "open_for_writing", lambda *args, **options: connection)
    with pytest.raises(StorageError, match="has format 2, this version knows formats up to 1"):
        write(path)
    assert count(path, "bases") == 0


def test_what_is_dropped_is_gone_at_once_and_its_chunks_step_by_step(
    path: Path, connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bases_writer, "PURGE_CHUNKS", 2)
    for offset in (1, 2):
        write(path, offset=offset, data=[make_data(CHUNK_BYTES * offset)])
    kept = write(path, offset=3)
    drop_older(connection, path=path, tenant=TENANT, room=ROOM, than=3)
    assert (count(path, "bases"), count(path, "purges"), count(path, "chunks")) == (1, 2, 7)
    left = []
    while purge(connection, path=path):
        left.append(count(path, "chunks"))
    assert left == [5, 5, 3, 2]
    assert count(path, "purges") == 0
    read_back(path, kept)


def test_a_replaced_base_is_purged_too(path: Path, connection: sqlite3.Connection) -> None:
    write(path)
    base = write(path)
    assert count(path, "purges") == 1
    while purge(connection, path=path):
        pass
    assert count(path, "chunks") == 2
    read_back(path, base)


def test_chunks_of_a_base_that_damage_has_lost_are_not_purged(
    path: Path, connection: sqlite3.Connection
) -> None:
    """They are all that is left of it."""
    write(path)
    change(path, "DELETE FROM bases")
    assert not purge(connection, path=path)
    assert count(path, "chunks") == 2


def test_a_deleted_room_takes_its_quarantine_along(path: Path, connection: sqlite3.Connection) -> None:
    for room in (ROOM, "other"):
        write(path, room=room)
        set_aside(path, room=room)
    delete_room(connection, path=path, tenant=TENANT, room=ROOM)
    with reading_bases(path) as reader:
        assert reader.rooms(TENANT, "", "", 9) == ["other"]
        assert reader.quarantined(TENANT, ROOM, 0, 9) == []
        assert len(reader.quarantined(TENANT, "other", 0, 9)) == 1


def test_writers_wait_for_each_other(path: Path) -> None:
    """One holds the file until the other has asked for it."""
    began, go_on = threading.Event(), threading.Event()

    def slow() -> Iterator[bytes]:
        began.set()
        assert go_on.wait(20)
        yield b"slow"

    def second() -> None:
        began.wait(20)
        asking.set()
        write(path, room="second")

    asking = threading.Event()
    threads = [threading.Thread(target=second), threading.Thread(target=lambda: write(path, data=slow()))]
    for thread in threads:
        thread.start()
    assert asking.wait(20)
    with reading_bases(path) as reader:
        assert reader.rooms(TENANT, "", "", 9) == []
    go_on.set()
    for thread in threads:
        thread.join(20)
    with reading_bases(path) as reader:
        assert reader.rooms(TENANT, "", "", 9) == sorted([ROOM, "second"])


def test_one_who_waits_too_long_may_come_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bases_writer, "BASES", replace(BASES, busy_timeout_seconds=0.05))

    def meanwhile() -> Iterator[bytes]:
        with pytest.raises(UnavailableError, match="locked"):
            write(path, room="second")
        yield b"d"

    base = write(path, data=meanwhile())
    read_back(path, base)
    read_back(path, write(path, room="second"))


def test_memory_is_bounded_by_the_chunk_not_by_the_data(path: Path) -> None:
    """The pages of a large transaction go to the write-ahead log before its end."""
    log = Path(f"{path}-wal")
    seen: list[int] = []

    def data() -> Iterator[bytes]:
        for _ in range(12):
            seen.append(log.stat().st_size)
            yield make_data(CHUNK_BYTES)

    write(path, data=data())
    assert seen[-1] > 7 * CHUNK_BYTES
    assert seen == sorted(seen)


@pytest.mark.parametrize(("level", "number"), [("full", 2), ("normal", 1), ("off", 0)])
def test_the_level_of_synchronous_is_set(
    path: Path, monkeypatch: pytest.MonkeyPatch, level: database.Synchronous, number: int
) -> None:
    levels: list[int] = []

    def opened(*args: object, **options: object) -> sqlite3.Connection:
        connection = open_for_writing(*args, **options)  # type: ignore[arg-type]
        levels.append(connection.execute("PRAGMA synchronous").fetchone()[0])
        return connection

    monkeypatch.setattr(bases_writer, "open_for_writing", opened)
    fields = {"tenant": "t", "room": "r", "offset": 0, "head": b"", "table": b"", "data": [], "time": 1.0}
    bases_writer.write_base(path, **fields, synchronous=level)  # type: ignore[arg-type]
    bases_writer.write_base(path, **fields)  # type: ignore[arg-type]
    assert levels == [number, 2]
