"""Compaction in a worker: the server names the room, the worker reads, writes and reads back.

Owns how its failures are told. The way of the bytes is `engine.compaction`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from collab_server.errors import FailureKind, JobFailed, WorkersBusy, WorkersClosed
from collab_server.pipe import JSON
from collab_server.runtime.compactor import CompactionError
from collab_server.runtime.offenders import Offender
from collab_server.runtime.workers import Lane, Workers
from collab_server.types import Job, RoomKey

#: The refusal that speaks of the document, not of the disk.
_INVALID = "InvalidUpdate"


class CompactInWorker:
    """Implements `Compact` and `Repair` over files that a worker can open."""

    def __init__(self, workers: Workers, *, journal: Path, bases: Path, synchronous: str) -> None:
        self._workers = workers
        self._files: dict[str, JSON] = {"journal": str(journal), "bases": str(bases)}
        self._synchronous = synchronous

    async def __call__(self, key: RoomKey, upto: int, size_bytes: int) -> None:
        await self.without((), key, upto, size_bytes)

    async def without(self, offenders: Sequence[Offender], key: RoomKey, upto: int, size_bytes: int) -> None:
        """Implements `Repair`."""
        arguments = self._arguments(key, upto, offenders) | {"synchronous": self._synchronous}
        try:
            await self._workers.run(Lane.BACKGROUND, Job.COMPACT, arguments, size_hint=size_bytes)
        except JobFailed as error:
            raise CompactionError(str(error), by_content=_is_of_content(error)) from error
        except (WorkersBusy, WorkersClosed) as error:
            raise CompactionError(str(error), by_load=True) from error

    async def passes(
        self, offenders: Sequence[Offender], key: RoomKey, upto: int, size_bytes: int, *, alone: bool
    ) -> bool:
        """Implements `Repair`."""
        arguments = self._arguments(key, upto, offenders) | {"alone": alone}
        try:
            await self._workers.run(Lane.BACKGROUND, Job.TRY_COMPACTION, arguments, size_hint=size_bytes)
        except JobFailed as error:
            if _is_of_content(error):
                return False
            raise CompactionError(str(error)) from error
        except (WorkersBusy, WorkersClosed) as error:
            raise CompactionError(str(error), by_load=True) from error
        return True

    def _arguments(self, key: RoomKey, upto: int, offenders: Sequence[Offender]) -> dict[str, JSON]:
        unusable: list[JSON] = [[offender.offset, *offender.clocks] for offender in offenders]
        named: dict[str, JSON] = {"tenant": key.tenant, "room": key.room, "upto": upto, "unusable": unusable}
        return self._files | named


def _is_of_content(error: JobFailed) -> bool:
    """Whether what was read may be at fault: it killed or held up the worker, or is no document."""
    if error.kind is FailureKind.REFUSED:
        return error.cause == _INVALID
    return error.kind is not FailureKind.UNAVAILABLE
