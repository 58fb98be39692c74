"""Ownership of tasks: each has a name, somebody who waits for its end, and a log line if it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from collab_server.observability import Event, get_logger

_log = get_logger(__name__)


class TaskOwner:
    """Starts tasks and waits for all of them at the end; none outlives `close`."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def running(self, prefix: str) -> bool:
        """Whether a task runs whose name begins with `prefix`."""
        return any(task.get_name().startswith(prefix) for task in self._tasks)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error(Event.TASK_FAILED, task=task.get_name(), exc_info=error)

    async def close(self) -> None:
        """Cancel what still runs and wait until it has ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
