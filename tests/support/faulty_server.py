"""The real server with one fault in how it makes edits durable: proof that the durability tests notice.

Run as `python tests/support/faulty_server.py FAULT serve …`. Replaces one public method before the command
line runs; nothing of this is in the product.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

from collab_storage import Record, StorageError
from collab_storage.sqlite import SqliteJournal

from collab_server.cli import main
from collab_server.runtime.persister import Owner, Persister

#: How long after its acknowledgement a lying disk really has the rows.
LATE_SECONDS = 0.1
SLOW_SECONDS = 1.5


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
        await asyncio.sleep(SLOW_SECONDS)
        await append(self, records)

    SqliteJournal.append = slow  # type: ignore[method-assign]


def never_commit() -> None:
    """A disk that neither fails nor answers."""

    async def stuck(self: SqliteJournal, records: Sequence[Record]) -> None:
        await asyncio.Event().wait()

    SqliteJournal.append = stuck  # type: ignore[method-assign]


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
}


if __name__ == "__main__":
    FAULTS[sys.argv.pop(1)]()
    main()
