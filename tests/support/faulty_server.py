"""The real server with one fault in how it makes edits durable: proof that the durability tests notice.

Run as `python tests/support/faulty_server.py FAULT serve …`. Replaces one public method before the command
line runs; nothing of this is in the product. With FAULT_TRIGGER in the environment, a fault of the journal
begins when there is a file of that name; FAULT_SECONDS is how long a slow commit takes. `compaction` is
killed once at FAULT_STEP, or has its workers choke; see `faulty_jobs.py`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from collab_storage import Record, StorageError, UnavailableError
from collab_storage.sqlite import SqliteBases, SqliteJournal
from collab_storage.sqlite.writer import Writer

from collab_server.cli import main
from collab_server.config import WorkerSettings
from collab_server.observability.metrics import Metrics
from collab_server.runtime.in_worker import CompactInWorker
from collab_server.runtime.persister import Owner, Persister
from collab_server.runtime.room_runner import RoomRunner
from collab_server.runtime.workers import Workers

#: How long after its acknowledgement a lying disk really has the rows.
LATE_SECONDS = 0.1
SLOW_SECONDS = float(os.environ.get("FAULT_SECONDS", "1.5"))
TRIGGER = os.environ.get("FAULT_TRIGGER")


def has_begun() -> bool:
    return TRIGGER is None or os.path.exists(TRIGGER)


def acknowledge_first() -> None:
    """The order is wrong: an edit counts as saved when it is handed over, before the commit."""
    submit = Persister.submit

    def faulty(self: Persister, owner: Owner, records: Sequence[Record], **more: Any) -> None:
        submit(self, _Deaf(), records, **more)
        owner.saved(more["version"])

    Persister.submit = faulty  # type: ignore[method-assign]


def write_late() -> None:
    """The sync is wrong: the journal says that rows are durable while they are still in memory."""
    append = SqliteJournal.append
    queues: dict[SqliteJournal, asyncio.Queue[Sequence[Record]]] = {}
    writers: list[asyncio.Task[None]] = []

    async def write(journal: SqliteJournal, queue: asyncio.Queue[Sequence[Record]]) -> None:
        while True:
            records = await queue.get()
            await asyncio.sleep(LATE_SECONDS)
            await append(journal, records)

    async def faulty(self: SqliteJournal, records: Sequence[Record]) -> None:
        if self not in queues:
            queues[self] = asyncio.Queue()
            writers.append(asyncio.create_task(write(self, queues[self]), name="late writer"))
        queues[self].put_nowait(records)

    SqliteJournal.append = faulty  # type: ignore[method-assign]


def commit_slowly() -> None:
    """Nothing is wrong, only slow: time to see what is said before the commit."""
    append = SqliteJournal.append

    async def slow(self: SqliteJournal, records: Sequence[Record]) -> None:
        if has_begun():
            await asyncio.sleep(SLOW_SECONDS)
        await append(self, records)

    SqliteJournal.append = slow  # type: ignore[method-assign]


def never_commit() -> None:
    """A disk that neither fails nor answers."""
    append = SqliteJournal.append

    async def stuck(self: SqliteJournal, records: Sequence[Record]) -> None:
        if has_begun():
            await asyncio.Event().wait()
        await append(self, records)

    SqliteJournal.append = stuck  # type: ignore[method-assign]


def fail_to_commit() -> None:
    """A disk that refuses everything."""
    append = SqliteJournal.append

    async def failing(self: SqliteJournal, records: Sequence[Record]) -> None:
        if has_begun():
            raise UnavailableError("the disk refuses everything")
        await append(self, records)

    SqliteJournal.append = failing  # type: ignore[method-assign]


def hang_in_the_disk() -> None:
    """A call into the disk that never returns, on the thread that made it: it cannot be cancelled."""
    append = Writer.append

    def hanging(self: Writer, records: Sequence[Record]) -> None:
        if has_begun():
            threading.Event().wait()
        append(self, records)

    Writer.append = hanging  # type: ignore[method-assign]


def stop_compaction() -> None:
    """The server is killed at FAULT_STEP, here or by its worker; or the worker is, or fails."""
    # Not at the top: the module changes what the jobs of its process do.
    from tests.support.faulty_jobs import STEP, stopped_at

    started = Workers.__init__

    def with_other_jobs(self: Workers, settings: WorkerSettings, metrics: Metrics, *, scratch: Path) -> None:
        started(self, settings, metrics, scratch=scratch, table="tests.support.faulty_jobs")

    Workers.__init__ = with_other_jobs  # type: ignore[method-assign]
    CompactInWorker.without = _stopped("job", CompactInWorker.without)  # type: ignore[method-assign]
    RoomRunner.rebase = stopped_at("rebase", RoomRunner.rebase)  # type: ignore[method-assign]
    SqliteJournal.remove = _stopped("remove", SqliteJournal.remove)  # type: ignore[method-assign]
    SqliteBases.drop_older = _stopped("drop", SqliteBases.drop_older)  # type: ignore[method-assign]
    if STEP == "remove fails":
        SqliteJournal.remove = _failing  # type: ignore[method-assign]


def _stopped(name: str, function: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    from tests.support.faulty_jobs import end_server

    async def stopping(*arguments: Any, **more: Any) -> Any:
        end_server(f"before {name}")
        found = await function(*arguments, **more)
        end_server(f"after {name}")
        return found

    return stopping


async def _failing(*arguments: Any, **more: Any) -> None:
    raise UnavailableError("the disk refuses to remove anything")


class _Deaf:
    """In place of an owner that was told already."""

    lost = False

    def saved(self, version: int) -> None: ...

    def save_failed(self, error: StorageError) -> None: ...


FAULTS = {
    "acknowledge-first": acknowledge_first,
    "write-late": write_late,
    "slow-commit": commit_slowly,
    "stuck-commit": never_commit,
    "failing-commit": fail_to_commit,
    "hanging-disk": hang_in_the_disk,
    "compaction": stop_compaction,
}


if __name__ == "__main__":
    FAULTS[sys.argv.pop(1)]()
    main()
