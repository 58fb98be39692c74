"""Compaction in a worker: the server names the room, the worker reads, writes and reads back.

Owns how its failures are told. The way of the bytes is `engine.compaction`'s.
"""

from __future__ import annotations

from pathlib import Path

from collab_server.errors import JobFailed, WorkersBusy, WorkersClosed
from collab_server.runtime.compactor import Compact, CompactionError
from collab_server.runtime.workers import Lane, Workers
from collab_server.types import Job, RoomKey


def compact_in_worker(workers: Workers, *, journal: Path, bases: Path, synchronous: str) -> Compact:
    """A `Compact` over files that a worker can open."""

    async def run(key: RoomKey, upto: int, size_bytes: int) -> None:
        try:
            await workers.run(
                Lane.BACKGROUND,
                Job.COMPACT,
                {
                    "journal": str(journal),
                    "bases": str(bases),
                    "tenant": key.tenant,
                    "room": key.room,
                    "upto": upto,
                    "synchronous": synchronous,
                },
                size_hint=size_bytes,
            )
        except (JobFailed, WorkersBusy, WorkersClosed) as error:
            raise CompactionError(str(error)) from error

    return run
