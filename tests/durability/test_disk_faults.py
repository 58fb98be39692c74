"""A disk that fills up, breaks, or fails to sync under a class that edits: nobody is stopped, nobody is told
`saved` before it is true, and once the disk works again everything is saved at once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.durability.crowd import Outcome, examine, text_in, work_until_killed
from tests.durability.test_kill import seed, tables_of
from tests.interop.attack import ROOM, Scene, scene
from tests.support.editor import Editor
from tests.support.faulty_disk import FaultyDisk
from tests.support.mounts import require_fuse, require_mounts
from tests.support.server import ServerFailed, ServerProcess
from tests.support.small_disk import SmallDisk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

NOTICED_WITHIN = 5.0
RECOVERED_WITHIN = 10.0
#: So long that the pause between two attempts to save has become three seconds.
OUTAGE_SECONDS = 3.5
SYNC_FAILURES = 3
TRY_AGAIN = 1013
#: More than SQLite has in its own cache after the start.
STORED_BYTES = 1_000_000
LARGE_BYTES = 400_000
#: More than make the log large enough to be copied into the database (4 MB).
MOST_LARGE_EDITS = 30

Act = Callable[[], Awaitable[object]]


@pytest.fixture
async def disk(tmp_path: Path) -> AsyncIterator[FaultyDisk]:
    require_fuse()
    async with FaultyDisk(tmp_path / "disk") as mounted:
        yield mounted


async def readiness(server: ServerProcess, expected: int, *, within: float) -> bytes:
    """Wait until /readyz answers so; its body."""
    async with asyncio.timeout(within):
        while True:
            status, body = await server.get("/readyz")
            if status == expected:
                return body
            # Nothing tells of it but the answer.
            await asyncio.sleep(0.05)


async def write_with_mark(target: Scene, mark: int) -> None:
    """An edit that the others get, and the question whether it is saved."""
    await target.peers.write()
    target.peers.writer.mark(mark)


async def survive(server: ServerProcess, *, fail: Act, repair: Act) -> str:
    """The story of one outage, in a class and in another room; the text that was saved after it."""
    async with scene(server) as target:
        writer = target.peers.writer
        writer.hello()
        await write_with_mark(target, 1)
        await writer.wait_saved(1)
        await fail()
        await write_with_mark(target, 2)
        assert b"journal_failing" in await readiness(server, 503, within=NOTICED_WITHIN)
        await goes_on_unsaved(server, target)
        await repair()
        await writer.wait_saved(2, within=RECOVERED_WITHIN)
        await readiness(server, 200, within=RECOVERED_WITHIN)
        await write_with_mark(target, 3)
        await writer.wait_saved(3)
        text = str(writer.text)
    is_told_once(server)
    return text


async def goes_on_unsaved(server: ServerProcess, target: Scene) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + OUTAGE_SECONDS
    while loop.time() < until:
        await target.peers.write()
        # The pace of the class.
        await asyncio.sleep(0.1)
    assert target.peers.writer.saved == [1]
    metrics = await server.metrics()
    assert metrics["collab_save_failures_total"] >= 1
    assert metrics["collab_unsaved_bytes"] > 0


def is_told_once(server: ServerProcess) -> None:
    (failed,) = server.logged("save_failed")
    (recovered,) = server.logged("save_recovered")
    assert failed["level"] == "error"
    assert "journal.sqlite3" in failed["error"]
    assert recovered["failures"] >= 1


async def test_a_full_disk(tmp_path: Path) -> None:
    require_mounts()
    async with SmallDisk(tmp_path / "disk") as small, small.server() as server:
        text = await survive(server, fail=small.fill, repair=small.make_room)
        (failed,) = server.logged("save_failed")
        assert "SQLITE_FULL" in failed["error"]
        await server.restart(kill=True)
        assert (await text_in(server, ROOM)).startswith(text)


async def test_a_start_on_a_full_disk(tmp_path: Path) -> None:
    """After a kill there is a log to be put away, for which there is no room: what is there can be read,
    editing goes on, and it is saved when there is room."""
    require_mounts()
    async with SmallDisk(tmp_path / "disk") as small, small.server() as server:
        async with scene(server) as target:
            target.peers.writer.hello()
            for mark in range(3):
                target.peers.writer.map[f"large {mark}"] = "x" * 200_000
                await write_with_mark(target, mark)
                await target.peers.writer.wait_saved(mark)
            text = str(target.peers.writer.text)
        await server.kill9()
        await small.fill()
        await server.start()
        assert (await text_in(server, ROOM)).startswith(text)
        async with Editor() as editor:
            await editor.connect(f"{server.url}/full")
            await editor.joined()
            editor.hello()
            editor.append("unsaved")
            editor.mark(1)
            await readiness(server, 503, within=NOTICED_WITHIN)
            assert await text_in(server, "full") == "unsaved"
            await small.make_room()
            await editor.wait_saved(1, within=RECOVERED_WITHIN)
        await server.restart(kill=True)
        assert await text_in(server, "full") == "unsaved"


async def test_a_disk_that_breaks(disk: FaultyDisk) -> None:
    async with disk.server() as server:
        text = await survive(server, fail=disk.break_down, repair=disk.mend)
        await server.kill9()
        await disk.cut_power()
        await server.start()
        assert (await text_in(server, ROOM)).startswith(text)


async def test_a_room_that_cannot_be_read_is_refused_and_never_taken_for_empty(disk: FaultyDisk) -> None:
    async with disk.server() as server:
        async with Editor() as editor:
            await editor.connect(f"{server.url}/stored")
            await editor.joined()
            editor.hello()
            editor.append("x" * STORED_BYTES)
            editor.mark(1)
            await editor.wait_saved(1)
        await server.restart()
        async with scene(server), Editor() as later:
            await disk.fail_reads()
            await later.connect(f"{server.url}/stored")
            assert later.client is not None
            assert (await later.client.wait_closed()).code == TRY_AGAIN
            assert not later.synced
            await disk.mend()
            await later.connect(f"{server.url}/stored")
            await later.joined()
            assert len(later.text) == STORED_BYTES
        (failed,) = server.logged("room_load_failed")
        assert failed["room"] == "default/stored"
        assert "a disk that fails to read" in failed["error"]


async def test_a_start_on_a_broken_disk_says_so_and_changes_nothing(disk: FaultyDisk) -> None:
    server = disk.server()
    async with server, scene(server) as target:
        await write_with_mark(target, 1)
        target.peers.writer.hello()
        target.peers.writer.mark(2)
        await target.peers.writer.wait_saved(2)
        text = str(target.peers.writer.text)
    await disk.fail_reads()
    with pytest.raises(ServerFailed, match="before it was ready"):
        await server.start()
    (failed,) = server.logged("server_start_failed")
    assert "journal.sqlite3" in failed["error"]
    await disk.mend()
    async with server:
        assert (await text_in(server, ROOM)).startswith(text)


async def test_a_sync_of_the_log_that_failed_is_made_good_through_another_handle(disk: FaultyDisk) -> None:
    """A failed sync forgets what was to be written, and the next one through that handle says that all is
    well."""
    await syncs_may_fail(disk, "-wal")
    assert await disk.synced_after_failure() == 0


async def test_a_sync_of_the_database_that_failed_is_made_good(disk: FaultyDisk) -> None:
    """The log is what a report relies on. What is copied from it is copied again when its sync failed."""
    await syncs_may_fail(disk, ".sqlite3")


async def syncs_may_fail(disk: FaultyDisk, suffix: str) -> None:
    async with disk.server() as server:
        async with scene(server) as target:
            target.peers.writer.hello()
            for failures in range(SYNC_FAILURES):
                await disk.fail_syncs(1, suffix=suffix)
                await save_until_one_failed(disk, target, more_than=failures)
            text = str(target.peers.writer.text)
        await server.kill9()
        await disk.cut_power()
        await server.start()
        assert (await text_in(server, ROOM)).startswith(text)


async def save_until_one_failed(disk: FaultyDisk, target: Scene, *, more_than: int) -> None:
    """Large edits, so that the log is soon copied into the database: only then is that synced."""
    writer = target.peers.writer
    for _ in range(MOST_LARGE_EDITS):
        mark = len(writer.saved)
        writer.map["large"] = "x" * LARGE_BYTES
        await write_with_mark(target, mark)
        await writer.wait_saved(mark)
        if await disk.failed_syncs() > more_than:
            return
    pytest.fail("no sync has failed")


async def test_what_a_failed_sync_left_in_the_cache_is_not_built_upon(disk: FaultyDisk) -> None:
    """Story: a sync of the log fails, the server is killed before it has tried again. Its log reads well, for
    the kernel has it in memory, but on the disk it has a hole, and all that is later written behind the hole
    is gone after a power cut."""
    chance = random.Random(number := seed())
    outcome = Outcome()
    server = disk.server()
    async with server:
        before = tables_of(0)
        await work_until_killed(server, before, None, chance)
        await server.start()
        async with Editor() as editor:
            await editor.connect(f"{server.url}/hole")
            await editor.joined()
            await disk.fail_syncs(1, suffix="-wal")
            editor.append("lost in the cache")
            await failed(disk)
            await server.kill9()
        await server.start()
        after = tables_of(1)
        await work_until_killed(server, after, None, chance)
        await disk.cut_power()
        await server.start()
        await examine(server, [*before, *after], outcome)
        print(f"seed {number}: {outcome}")
        assert outcome.lost == []


async def failed(disk: FaultyDisk) -> None:
    async with asyncio.timeout(NOTICED_WITHIN):
        while not await disk.failed_syncs():  # noqa: ASYNC110
            # The disk tells it when asked.
            await asyncio.sleep(0.005)
