"""Where updates are scanned: here if they are small, in a worker if they could hold up the loop.

Owns the border between the two, and what a worker's failure means for whoever sent the update.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeAlias

from collab_server.errors import (
    FailureKind,
    InvalidUpdate,
    JobFailed,
    RefusalReason,
    WorkersBusy,
    WorkersClosed,
)
from collab_server.pipe import JSON
from collab_server.runtime.tasks import TaskOwner
from collab_server.runtime.worker_lane import JobResult
from collab_server.runtime.workers import Lane, Workers
from collab_server.types import Job
from collab_server.updates import DeletedRanges, ScanLimits, Update, scan, scan_new_deletes
from collab_server.updates.scanned import decode_scan

#: What became of an update that was scanned elsewhere; None if that could not be done now.
Scanned: TypeAlias = "Update | InvalidUpdate | None"

#: Deletions beside the known ones that are looked at here, however many clients they are of.
_FEW = ScanLimits(max_delete_ranges=2_000, max_clients=1 << 31)


class ScanWorker(Protocol):
    """Scans in another process; raises JobFailed, WorkersBusy, WorkersClosed."""

    async def __call__(self, update: bytes) -> JobResult: ...


class Scanner:
    """Scans for all sessions. Updates up to `inline_bytes` take some milliseconds at most."""

    def __init__(
        self, limits: ScanLimits, *, inline_bytes: int, worker: ScanWorker, tasks: TaskOwner
    ) -> None:
        self.limits = limits
        self.inline_bytes = inline_bytes
        self._worker = worker
        self._tasks = tasks

    def scan(self, update: bytes) -> Update:
        """Raises InvalidUpdate."""
        return scan(update, self.limits)

    def scan_known(self, update: bytes, known: DeletedRanges) -> Update | None:
        """A large update of deletions alone, most of which are known: what a client sends that comes back.

        None if a worker has to look. Raises InvalidUpdate.
        """
        if update[0]:
            return None
        try:
            return Update((), scan_new_deletes(update, 1, _FEW, known))
        except InvalidUpdate as refusal:
            if refusal.reason is RefusalReason.TOO_LARGE:
                return None
            raise

    def leave_out_known(self, update: Update, data: bytes, known: DeletedRanges) -> Update:
        """An update without the deletions that are known, if that can be told at once."""
        if len(update.deletes) <= _FEW.max_delete_ranges:
            return update
        try:
            deletes = scan_new_deletes(data, update.deletes_at, _FEW, known)
        except InvalidUpdate:
            return update
        return Update(update.structs, deletes, update.depth)

    def scan_elsewhere(self, update: bytes, done: Callable[[Scanned], None]) -> None:
        """Scan in a worker and call `done` on the loop, never before this returns."""
        self._tasks.start(self._scan(update, done), name="scan")

    async def _scan(self, update: bytes, done: Callable[[Scanned], None]) -> None:
        result: Scanned = None
        try:
            result = await self._ask(update)
        except InvalidUpdate as refusal:
            result = refusal
        except JobFailed as failure:
            # It was tried twice. What kills or holds up a worker is not let near a room.
            if failure.kind not in (FailureKind.REFUSED, FailureKind.UNAVAILABLE):
                detail = f"the update could not be checked: {failure.message}"
                result = InvalidUpdate(RefusalReason.TOO_LARGE, detail)
        except (WorkersBusy, WorkersClosed):
            result = None
        done(result)

    async def _ask(self, update: bytes) -> Update:
        answer = await self._worker(update)
        refused = answer.values.get("refused")
        if refused is not None:
            raise InvalidUpdate(RefusalReason(str(refused)), str(answer.values.get("detail")))
        assert answer.data is not None
        # In a thread: tuples of a hundred thousand references take longer than a keystroke may wait.
        return await asyncio.to_thread(decode_scan, answer.data)


def scan_in_worker(workers: Workers, limits: ScanLimits) -> ScanWorker:
    """The `ScanWorker` of a real server."""
    arguments: dict[str, JSON] = {
        "max_blocks": limits.max_blocks,
        "max_clients": limits.max_clients,
        "max_delete_ranges": limits.max_delete_ranges,
        "max_depth": limits.max_depth,
    }

    async def run(update: bytes) -> JobResult:
        return await workers.run(Lane.INTERACTIVE, Job.SCAN, arguments, data=update)

    return run
