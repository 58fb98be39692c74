"""Compaction killed before and after each of its steps, and what is damaged on the way: nothing is lost, and
the next start finishes it.

Steps: job (sent, answered), write and read back (in the worker), rebase, remove (rows), drop (older bases).
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from collab_storage import Base, StreamKey
from collab_storage.sqlite import SqliteBases, SqliteJournal, look_into, reading_bases

from tests.durability.crowd import Typist, numbers_in, text_in
from tests.support.rawclient import RawClient
from tests.support.server import HOST, ServerProcess

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
FAULTY_SERVER = ROOT / "tests" / "support" / "faulty_server.py"
ROOM = "r"
TRY_AGAIN = 1013
DOC = StreamKey("default", ROOM, "doc")
SERVER_STEPS = [
    f"{when} {step}"
    for step in ("job", "write", "read back", "rebase", "remove", "drop")
    for when in ("before", "after")
]
WORKER_STEPS = ["before write", "after write", "before read back", "after read back"]
#: What the journal says of a room at a moment.
Rows = dict[int, bytes]


class Stage:
    """A server with a fault to come, its files, and people who write into one room."""

    def __init__(self, data: Path, env: Mapping[str, str]) -> None:
        self.data = data
        self.trigger = data.parent / "trigger"
        eager = {"COLLAB_ROOMS__COMPACT_TAIL_BYTES": "400", "FAULT_TRIGGER": str(self.trigger)}
        path = f"{ROOT}{os.pathsep}{ROOT / 'storage'}"
        command = [sys.executable, str(FAULTY_SERVER), "compaction", "serve", "--host", HOST]
        self.server = ServerProcess(
            [*command, "--data", str(data), "--log-format", "json"], env={"PYTHONPATH": path, **eager, **env}
        )
        self.typists = [Typist(name, ROOM) for name in ("ada", "bob")]

    @asynccontextmanager
    async def typing(self) -> AsyncIterator[None]:
        """Everybody comes in and types."""
        for typist in self.typists:
            await typist.enter(self.server)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(typist.type(random.Random(1))) for typist in self.typists]
            yield
            for task in tasks:
                task.cancel()

    async def compacted(self, times: int) -> None:
        await self.server.wait_logged("room_compacted", count=len(self.compactions) + times)

    @property
    def compactions(self) -> list[dict[str, object]]:
        return self.server.logged("room_compacted")

    async def ended(self) -> None:
        """Until the fault has ended the server."""
        async with asyncio.timeout(20):
            while self.server.running:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.01)
        await self.server.kill9()
        for typist in self.typists:
            assert typist.editor.client is not None
            await typist.editor.client.wait_closed()

    def rows(self) -> Rows:
        with look_into(self.data / "journal.sqlite3") as reader:
            return {record.offset: record.data for record in reader.read(DOC, -1, 1 << 40, recent=True)}

    def base(self) -> Base | None:
        with reading_bases(self.data / "bases.sqlite3") as reader:
            return reader.newest("default", ROOM)

    async def holds_all(self) -> None:
        """A joiner, before anybody brings anything back, finds every edit that was reported saved."""
        text = await text_in(self.server, ROOM)
        for typist in self.typists:
            there = numbers_in(text, typist.name)
            assert there == set(range(len(there))), f"a gap in what {typist.name} typed"
            assert typist.reported <= there, f"edits of {typist.name} are lost"

    async def cleaned_up(self) -> None:
        """Until the journal holds nothing that the base covers."""

        def is_clean() -> bool:
            base = self.base()
            return base is None or min(self.rows(), default=1 << 40) > base.offset

        async with asyncio.timeout(10):
            while not is_clean():  # noqa: ASYNC110 - files of another process
                await asyncio.sleep(0.02)

    async def saved(self) -> None:
        """Until everything that was typed is reported saved."""
        for typist in self.typists:
            typist.editor.mark(typist.typed - 1)
            await typist.editor.wait_saved(typist.typed - 1)

    async def equal(self) -> None:
        """All replicas and a fresh joiner."""
        await self.saved()
        async with asyncio.timeout(10):
            while len({str(typist.editor.text) for typist in self.typists}) > 1:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await text_in(self.server, ROOM) == str(self.typists[0].editor.text)

    async def sound(self) -> None:
        """The server stops, and both of its files are as they were written."""
        for typist in self.typists:
            await typist.editor.leave()
        await self.server.stop()
        for store in (SqliteJournal(self.data / "journal.sqlite3"), SqliteBases(self.data / "bases.sqlite3")):
            await store.open()
            try:
                assert await store.verify() == []
            finally:
                await store.close()


def spoil(scene: Stage, sql: str) -> None:
    """Damage the file of bases behind the back of its owner."""
    connection = sqlite3.connect(scene.data / "bases.sqlite3")
    try:
        connection.executescript(sql)
    finally:
        connection.close()


@asynccontextmanager
async def stage(directory: Path, **env: str) -> AsyncIterator[Stage]:
    made = Stage(directory / "data", env)
    await made.server.start()
    try:
        yield made
    finally:
        for typist in made.typists:
            await typist.editor.leave()
        if made.server.running:
            await made.server.kill9()


@pytest.mark.parametrize("step", SERVER_STEPS)
async def test_a_server_killed_at_a_step_loses_nothing_and_finishes_it(tmp_path: Path, step: str) -> None:
    async with stage(tmp_path, FAULT_STEP=step) as scene:
        async with scene.typing():
            await scene.compacted(1)
            scene.trigger.touch()
            await scene.ended()
        before = scene.rows()
        await scene.server.start()
        await scene.holds_all()
        await scene.cleaned_up()
        async with scene.typing():
            await scene.compacted(2)
        await scene.equal()
        after = scene.rows()
        assert all(after[offset] == before[offset] for offset in after.keys() & before.keys())
        await scene.sound()


@pytest.mark.parametrize("step", WORKER_STEPS)
async def test_a_worker_killed_at_a_step_is_noticed_by_nobody(tmp_path: Path, step: str) -> None:
    async with stage(tmp_path, FAULT_STEP=step, FAULT_VICTIM="worker") as scene:
        async with scene.typing():
            await scene.compacted(1)
            scene.trigger.touch()
            await scene.server.wait_logged("worker_died")
            await scene.compacted(2)
        assert not scene.server.logged("compaction_failed"), "the second try made the base"
        assert len(scene.server.logged("session_closed")) == 0
        await scene.equal()
        await scene.sound()


async def test_a_base_that_is_damaged_before_it_is_read_back_is_dropped(tmp_path: Path) -> None:
    async with stage(tmp_path, FAULT_STEP="damage") as scene:
        async with scene.typing():
            await scene.compacted(1)
            former = scene.base()
            scene.trigger.touch()
            await scene.server.wait_logged("compaction_failed")
            assert scene.base() == former, "the base before it is the newest again"
        # It is tried again after a minute; a new start does not wait for that.
        await scene.server.restart(kill=True)
        await scene.holds_all()
        async with scene.typing():
            await scene.compacted(1)
        await scene.equal()
        await scene.sound()


async def test_a_disk_that_is_full_while_the_base_is_written_costs_nobody_anything(tmp_path: Path) -> None:
    async with stage(tmp_path, FAULT_STEP="disk full") as scene:
        async with scene.typing():
            await scene.compacted(1)
            former = scene.base()
            scene.trigger.touch()
            await scene.server.wait_logged("compaction_failed")
            assert scene.base() == former
        assert not scene.server.logged("session_closed")
        await scene.equal()
        await scene.server.restart(kill=True)
        await scene.holds_all()
        async with scene.typing():
            await scene.compacted(1)
        await scene.equal()
        await scene.sound()


async def test_a_damaged_base_that_nobody_has_read_back_is_dropped_by_the_next_start(tmp_path: Path) -> None:
    async with stage(tmp_path, FAULT_STEP="before read back") as scene:
        async with scene.typing():
            await scene.compacted(1)
            scene.trigger.touch()
            await scene.ended()
        base = scene.base()
        assert base is not None
        spoil(scene, f"UPDATE chunks SET data=zeroblob(length(data)) WHERE id={base.id << 20 | 1}")
        await scene.server.start()
        await scene.holds_all()
        (line,) = scene.server.logged("base_dropped")
        assert line["version"] == base.offset
        async with scene.typing():
            await scene.compacted(1)
        await scene.equal()
        await scene.sound()


async def test_the_newest_base_unreadable_ends_no_session_and_loses_no_edit(tmp_path: Path) -> None:
    async with stage(tmp_path) as scene:
        async with scene.typing():
            await scene.compacted(1)
            spoil(scene, "UPDATE bases SET head=x'00'")
            await scene.server.wait_logged("compaction_failed")
        await scene.saved()
        assert len(scene.server.logged("session_closed")) == 0
        await scene.server.restart(kill=True)
        refused = await RawClient.connect(f"{scene.server.url}/{ROOM}")
        closed = await refused.wait_closed()
        assert closed.code == TRY_AGAIN, "never an empty document"
        (line,) = scene.server.logged("room_load_failed")[:1]
        assert ROOM in line["error"]
        assert "bases.sqlite3" in line["error"]


async def test_rows_that_are_never_removed_cost_only_the_disk(tmp_path: Path) -> None:
    async with stage(tmp_path, FAULT_STEP="remove fails") as scene:
        async with scene.typing():
            await scene.compacted(3)
        await scene.equal()
        assert not scene.server.logged("compaction_failed")
        assert scene.server.logged("cleanup_failed")
        await scene.server.restart(kill=True)
        await scene.holds_all()
        await scene.sound()
