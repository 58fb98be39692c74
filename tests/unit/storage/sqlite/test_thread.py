"""A connection on its thread."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator

import pytest
from collab_storage.sqlite.thread import ConnectionThread


def connect() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None)


@pytest.fixture
async def thread() -> AsyncIterator[ConnectionThread]:
    thread = ConnectionThread(connect)
    await thread.start()
    yield thread
    await thread.close()


async def test_functions_run_on_one_other_thread(thread: ConnectionThread) -> None:
    found = {await thread.run(threading.get_ident) for _ in range(3)}
    assert len(found) == 1
    assert threading.get_ident() not in found


async def test_arguments_and_results_pass(thread: ConnectionThread) -> None:
    assert await thread.run(divmod, 7, 2) == (3, 1)


async def test_an_error_is_the_callers(thread: ConnectionThread) -> None:
    with pytest.raises(ZeroDivisionError):
        await thread.run(divmod, 7, 0)
    assert await thread.run(divmod, 7, 7) == (1, 0)


async def test_functions_run_in_the_order_of_the_calls_and_finish_though_cancelled(
    thread: ConnectionThread,
) -> None:
    done: list[int] = []
    go = threading.Event()
    tasks: list[asyncio.Future[object]] = [asyncio.ensure_future(thread.run(go.wait, 10))]
    tasks += [asyncio.ensure_future(thread.run(done.append, number)) for number in range(5)]
    await asyncio.sleep(0)
    tasks[2].cancel()
    go.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert done == [0, 1, 2, 3, 4]


async def test_close_waits_for_what_was_asked_for() -> None:
    thread = ConnectionThread(connect)
    await thread.start()
    done: list[int] = []
    task = asyncio.ensure_future(thread.run(done.append, 1))
    await asyncio.sleep(0)
    await thread.close()
    await task
    assert done == [1]


async def test_a_connection_that_cannot_be_opened_leaves_no_thread() -> None:
    """aiosqlite only asks its thread to end: a server that refused a journal had closed its loop by then."""

    def fail() -> sqlite3.Connection:
        raise OSError("no")

    before = set(threading.enumerate())
    with pytest.raises(OSError, match="no"):
        await ConnectionThread(fail).start()
    left = {thread for thread in set(threading.enumerate()) - before if "asyncio" not in thread.name}
    assert not left
