"""The reading side of a file by itself: with a restoring of the test's own, and no writer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from collab_storage.errors import StorageError, UnavailableError
from collab_storage.sqlite import reading
from collab_storage.sqlite.database import JOURNAL, create_if_absent, open_for_writing
from collab_storage.sqlite.reading import Reading

FULL = UnavailableError("disk full")


class Store:
    """Restores as a store does, once it is let, and counts how often."""

    def __init__(self, path: Path) -> None:
        self.reading = Reading(path, JOURNAL, lambda connection: connection, restore=self.restore)
        self.restored = 0
        self.may_restore = asyncio.Event()
        self.may_restore.set()
        #: What restoring ends with after the reader was opened.
        self.error: UnavailableError | None = None
        self.closed_again = False

    async def restore(self) -> None:
        self.restored += 1
        await self.may_restore.wait()
        if not self.reading.settled:
            await self.reading.settle()
        if self.reading.current is None:
            await self.reading.open_reader()
        if self.closed_again:
            await self.reading.close_reader()
        if self.error is not None:
            raise self.error


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    create_if_absent(path, JOURNAL)
    open_for_writing(path, JOURNAL, synchronous="off").close()
    return path


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    store = Store(path)
    await store.reading.open(store.reading.restore)
    yield store
    store.may_restore.set()
    await store.reading.stop()
    await store.reading.close_reader()


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "settle_log", lambda path, kind: FULL)


async def test_an_open_file_is_settled_and_read_without_more_ado(store: Store) -> None:
    thread, connection = await store.reading.reader()
    assert await thread.run(lambda: connection.execute("SELECT count(*) FROM records").fetchone()) == (0,)
    assert store.reading.settled
    assert store.restored == 1


async def test_a_reader_that_was_closed_is_restored_once_for_all_who_ask(store: Store) -> None:
    await store.reading.close_reader()
    first, second = await asyncio.gather(store.reading.reader(), store.reading.reader())
    assert first is second
    assert store.restored == 2


@pytest.mark.usefixtures("no_room")
async def test_who_reads_first_after_a_log_could_not_be_settled_reads(store: Store) -> None:
    """The bases once passed the error on to the first who asked, who could have read."""
    store.reading.settled = False
    await store.reading.close_reader()
    assert await store.reading.reader() == store.reading.current
    assert not store.reading.settled
    with pytest.raises(UnavailableError, match="disk full"):
        await store.reading.restore()


@pytest.mark.usefixtures("no_room")
async def test_a_file_is_opened_though_its_log_cannot_be_settled(path: Path) -> None:
    store = Store(path)
    await store.reading.open(store.reading.restore)
    await store.reading.reader()
    await store.reading.close_reader()


async def test_one_that_is_distrusted_is_not_given_out_unless_restoring_keeps_it(store: Store) -> None:
    before = await store.reading.reader()
    store.error = FULL
    assert await store.reading.reader(distrusted=True) is before
    assert store.restored == 2


async def test_what_cannot_be_read_either_is_an_error(
    path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(path: Path, kind: object) -> None:
        raise UnavailableError("locked")

    monkeypatch.setattr(reading, "settle_log", locked)
    store.reading.settled = False
    with pytest.raises(UnavailableError, match="locked"):
        await store.reading.reader(distrusted=True)
    other = Store(path)
    with pytest.raises(UnavailableError, match="locked"):
        await other.reading.open(other.reading.restore)
    assert not other.reading.opened


async def test_who_finds_no_reader_after_restoring_is_told_to_come_again(store: Store) -> None:
    """Another one's failure may have closed it, before the one who waited for the restoring goes on."""
    await store.reading.close_reader()
    store.closed_again = True
    with pytest.raises(UnavailableError, match="being opened again"):
        await store.reading.reader()


async def test_one_that_stops_waits_for_the_restoring_and_refuses(store: Store) -> None:
    await store.reading.close_reader()
    store.may_restore.clear()
    waiting = asyncio.ensure_future(store.reading.reader())
    await asyncio.sleep(0)
    stopping = asyncio.ensure_future(store.reading.stop())
    await asyncio.sleep(0)
    assert not stopping.done()
    store.may_restore.set()
    await stopping
    with pytest.raises(StorageError, match=r"journal\.db is not open"):
        await waiting
    with pytest.raises(StorageError, match=r"journal\.db is not open"):
        await store.reading.reader()


async def test_a_further_reader_is_the_askers(store: Store) -> None:
    thread, connection = await store.reading.another()
    assert (thread, connection) != store.reading.current
    await thread.close()
    thread, connection = await store.reading.reader()
    assert await thread.run(lambda: connection.execute("SELECT 1").fetchone()) == (1,)
