"""Counts what must not be left behind: tasks, threads, descriptors. Knows nothing but its own process."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.support.waiting import WaitFailed

SETTLE_SECONDS = 5.0
SETTLE_STEP = 0.02
#: Threads of the loop's own executor (`asyncio.to_thread`) live as long as the loop does.
_LOOP_EXECUTOR = "asyncio_"


@dataclass(frozen=True, slots=True)
class Census:
    tasks: frozenset[str]
    threads: frozenset[str]
    descriptors: int

    @staticmethod
    def take() -> Census:
        """What lives now; needs a running loop. Garbage is collected first: only what is held counts."""
        gc.collect()
        return Census(
            tasks=frozenset(task.get_name() for task in asyncio.all_tasks()),
            threads=frozenset(
                thread.name for thread in threading.enumerate() if not thread.name.startswith(_LOOP_EXECUTOR)
            ),
            descriptors=len(os.listdir("/proc/self/fd")),
        )


def left_behind(before: Census, after: Census) -> list[str]:
    """What is there now and was not before, in words; empty when nothing leaked."""
    found = [f"task {name}" for name in sorted(after.tasks - before.tasks)]
    found += [f"thread {name}" for name in sorted(after.threads - before.threads)]
    if after.descriptors > before.descriptors:
        found.append(f"{after.descriptors - before.descriptors} descriptors")
    return found


@asynccontextmanager
async def no_leaks() -> AsyncIterator[None]:
    """Fail when the block leaves tasks, threads or descriptors behind. Raises WaitFailed naming them."""
    before = Census.take()
    yield
    loop = asyncio.get_running_loop()
    deadline = loop.time() + SETTLE_SECONDS
    while found := left_behind(before, Census.take()):
        if loop.time() > deadline:
            raise WaitFailed(f"left behind: {', '.join(found)}")
        # Transports close in later turns of the loop; there is no event to wait on.
        await asyncio.sleep(SETTLE_STEP)
