"""Places one fault in a file of the store: a program, `python partial_copy.py journal|bases PATH`.

A reader keeps the log from being copied whole, a part is copied, the next sync of the file fails; then it
goes on until the log is begun anew and ends as if it were killed. It asks its parent by lines to let a sync
fail (`fail`) and how many have failed (`count`). With `journal-check` or `bases-check` and the number of
entries that it said in the end, it looks whether they are all there.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import sys
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "storage"))

from collab_storage import Base, UnavailableError
from collab_storage.acceptance import make_record, read_all
from collab_storage.acceptance_bases import TENANT
from collab_storage.sqlite import SqliteBases, SqliteJournal, read_back, write_base

#: A little less than makes the log due to be copied (1,000 pages of 4 kB, 500 of 8 kB).
BEFORE_READING_BYTES = 3_000_000
#: So much more makes it due.
PART_BYTES = 2_000_000
MOST_BYTES = 60_000_000
ATTEMPTS = 20

Write = Callable[[int], Awaitable[None]]


def ask(question: str) -> int:
    print(question, flush=True)
    return int(sys.stdin.readline())


def content(number: int, size: int) -> bytes:
    return random.Random(number).randbytes(size)


def generation(path: Path) -> bytes:
    """Of the log; each one has another salt."""
    return Path(f"{path}-wal").read_bytes()[16:24]


async def tell(path: Path, write: Write, *, size: int) -> int:
    """The story; how many entries were written."""
    written = 0

    async def go_on(until: Callable[[], bool]) -> None:
        nonlocal written
        for _ in range(MOST_BYTES // size):
            if until():
                return
            for _ in range(ATTEMPTS):
                try:
                    await write(written)
                    break
                except UnavailableError as error:
                    print(f"tried again: {error}", file=sys.stderr)
            else:
                raise AssertionError("never written")
            written += 1
        raise AssertionError("it never came to this")

    await go_on(lambda: written * size >= BEFORE_READING_BYTES)
    reader = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    await go_on(lambda: written * size >= BEFORE_READING_BYTES + PART_BYTES)
    reader.close()
    first = generation(path)
    ask("fail")
    await go_on(lambda: ask("count") > 0)
    await go_on(lambda: generation(path) != first)
    return written


async def journal(path: Path) -> int:
    store = SqliteJournal(path)
    await store.open()

    async def write(number: int) -> None:
        await store.append([make_record(number, data=content(number, 100_000))])

    return await tell(path, write, size=100_000)


async def journal_check(path: Path, entries: int) -> None:
    store = SqliteJournal(path)
    await store.open()
    assert await store.verify() == []
    found = [record.data for record in await read_all(store)]
    assert found == [content(number, 100_000) for number in range(entries)]


async def bases(path: Path) -> int:
    store = SqliteBases(path)
    await store.open()

    async def write(number: int) -> None:
        await asyncio.to_thread(write_one, path, number)
        # What the server does after a worker has written.
        await store.drop_older(TENANT, str(number), than=1)

    return await tell(path, write, size=400_000)


def write_one(path: Path, number: int) -> Base:
    data = content(number, 400_000)
    return write_base(
        path, tenant=TENANT, room=str(number), offset=1, head=b"", table=b"", data=[data], time=1.7e9
    )


async def bases_check(path: Path, entries: int) -> None:
    store = SqliteBases(path)
    await store.open()
    assert await store.verify() == []
    for number in range(entries):
        base = await store.newest(TENANT, str(number))
        assert base is not None
        read_back(path, base)
        assert await store.chunk(base, 0) == content(number, 400_000)


async def run(what: str, path: Path, *entries: str) -> None:
    match what:
        case "journal-check":
            await journal_check(path, int(*entries))
        case "bases-check":
            await bases_check(path, int(*entries))
        case _:
            written = await (journal if what == "journal" else bases)(path)
            print(f"written {written}", flush=True)


if __name__ == "__main__":
    code = 1
    try:
        asyncio.run(run(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]))
        code = 0
    except Exception:  # noqa: BLE001
        traceback.print_exc()
    finally:
        # As if killed: nothing is closed, so nothing is copied, and no thread is waited for.
        os._exit(code)
