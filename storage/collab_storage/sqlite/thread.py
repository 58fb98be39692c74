"""A SQLite connection on a thread of its own, and one way to get there: run a function.

The one place that knows aiosqlite. A function is one hop however many statements it runs, and one that has
started ends, whatever happens to the caller.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import aiosqlite

P = ParamSpec("P")
T = TypeVar("T")


class ConnectionThread:
    """One connection and its thread. Functions run one after the other, in the order of the calls."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        self._proxy = aiosqlite.Connection(connector, iter_chunk_size=1)

    async def start(self) -> sqlite3.Connection:
        """Open the connection on the thread. To be used there alone. After an error no thread is left."""
        try:
            await self._proxy
        except Exception:
            # aiosqlite has asked its thread to end and does not wait: the loop could be closed before it.
            await asyncio.to_thread(self._proxy._thread.join)
            raise
        return self._proxy._conn

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `function`, run on the thread."""
        # aiosqlite's public calls are one statement each; this is what they are all made of.
        result: T = await self._proxy._execute(function, *args, **kwargs)  # type: ignore[no-untyped-call]
        return result

    async def close(self) -> None:
        """Finish what was asked for, close the connection, end the thread."""
        await self._proxy.close()
