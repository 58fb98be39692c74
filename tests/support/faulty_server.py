"""The real server with one fault in how it makes edits durable: proof that the durability tests notice.

Run as `python tests/support/faulty_server.py FAULT serve …`. Replaces one public method before the command
line runs; nothing of this is in the product. With FAULT_TRIGGER in the environment, a fault of the journal
begins when there is a file of that name; FAULT_SECONDS is how long a slow commit takes.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Sequence
from typing import Any

from collab_storage import Record, StorageError, UnavailableError
from collab_storage.sqlite import SqliteJournal
from collab_storage.sqlite.writer import Writer

from collab_server.cli import main
from collab_server.runtime.persister import Owner, Persister

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
}


if __name__ == "__main__":
    FAULTS[sys.argv.pop(1)]()
    main()
