"""What a commit costs: `python storage/measure.py commits|layouts [DIRECTORY]`. Not part of the package.

CPU is that of the whole process, threads included, over the same loop without commits. `paced` makes 40
commits a second, as a server does, with cold caches; `busy` makes them one after the other. Run it where
nothing else runs, on the disk that is meant; `taskset -c 1` for one core.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop
from collab_storage import Record, RecordKind
from collab_storage.sqlite import SqliteJournal, Synchronous

AUTHORS = b'[["ada lovelace",[2094318276]]]'
ROUNDS = 5

Commit = Callable[[list[Record]], Awaitable[None]]

#: rows per commit, bytes of data, streams
WORKLOADS = [(1, 700, 1), (25, 60, 1000), (1000, 60, 1000)]

COLUMNS = "stream, offset, skipped, kind, time, authors, data, checksum"
LAYOUTS = {
    "clustered": f"CREATE TABLE records ({COLUMNS}, PRIMARY KEY (stream, offset)) WITHOUT ROWID",
    "indexed": f"CREATE TABLE records (id INTEGER PRIMARY KEY, {COLUMNS}, UNIQUE (stream, offset))",
    "appended": f"CREATE TABLE records (id INTEGER PRIMARY KEY, {COLUMNS})",
}


def write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


class Source:
    """Batches of records of random streams, offsets growing."""

    def __init__(self, rows: int, size: int, streams: int) -> None:
        self._rows, self._streams = rows, streams
        self._data = os.urandom(size)
        self._chance = random.Random(1)
        self._offset = 0

    def batch(self) -> list[Record]:
        rooms = self._chance.sample(range(self._streams), self._rows)
        first, self._offset = self._offset, self._offset + self._rows
        return [
            Record("default", f"room {room}", "doc", first + n, RecordKind.DELTA, self._data, AUTHORS, 1.7e9)
            for n, room in enumerate(rooms)
        ]


async def loop(source: Source, commit: Commit, count: int, pause: float) -> float:
    """CPU microseconds per turn."""
    started = time.process_time()
    for _ in range(count):
        if pause:
            await asyncio.sleep(pause)
        await commit(source.batch())
    return (time.process_time() - started) / count * 1e6


async def nothing(records: list[Record]) -> None:
    pass


async def measure_commits(directory: Path) -> None:
    levels: list[Synchronous] = ["full", "off"]
    for synchronous in levels:
        for rows, size, streams in WORKLOADS:
            source = Source(rows, size, streams)
            journal = SqliteJournal(directory / f"{synchronous}-{rows}.db", synchronous=synchronous)
            await journal.open()
            await loop(source, journal.append, max(20_000 // rows // 10, 20), 0)
            await report(source, journal, synchronous)
            await journal.close()


async def report(source: Source, journal: SqliteJournal, synchronous: Synchronous) -> None:
    latencies: list[float] = []

    async def commit(records: list[Record]) -> None:
        started = time.perf_counter()
        await journal.append(records)
        latencies.append((time.perf_counter() - started) * 1e3)

    for name, pause, count in (("paced", 0.025, 40), ("busy", 0, 100)):
        latencies.clear()
        idle, active = [], []
        for _ in range(ROUNDS):
            idle.append(await loop(source, nothing, count, pause))
            active.append(await loop(source, commit, count, pause))
        rows = len(source.batch())
        write(
            f"{rows:5} rows {synchronous:5} {name:6} {median(active) - median(idle):8.0f} µs CPU per commit,"
            f" latency p50 {median(latencies):.2f} ms, max {max(latencies):.1f} ms"
        )


def measure_layouts(directory: Path) -> None:
    """One thread, one statement per commit, `synchronous=FULL`, over a table that is not empty."""
    for rows, size, streams in [(1, 700, 1), (1, 2000, 1), (1, 5000, 1), (25, 60, 1000)]:
        for layout, sql in LAYOUTS.items():
            path = directory / f"{layout}-{rows}-{size}.db"
            connection = sqlite3.connect(path, isolation_level=None)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(sql)
            source = Source(rows, size, streams)
            connection.execute("BEGIN")
            for _ in range(50_000 // rows if streams > 1 else 500):
                insert(connection, source.batch())
            connection.execute("COMMIT")
            batches = [source.batch() for _ in range(400)]
            started = time.thread_time()
            for batch in batches:
                insert(connection, batch)
            cpu = (time.thread_time() - started) / len(batches) * 1e6
            (held,) = connection.execute("SELECT count(*) FROM records").fetchone()
            connection.close()
            write(
                f"{layout:10} {rows:3} rows of {size:4} bytes {cpu:6.0f} µs per commit,"
                f" {path.stat().st_size / held:6.0f} bytes per row"
            )


def insert(connection: sqlite3.Connection, batch: list[Record]) -> None:
    values = ",".join(["(?,?,0,1,?,?,?,1234567890)"] * len(batch))
    flat = [
        value
        for record in batch
        for value in (int(record.room[5:]), record.offset, record.time, record.authors, record.data)
    ]
    connection.execute(f"INSERT INTO records ({COLUMNS}) VALUES {values}", flat)


def main() -> None:
    command, *parents = sys.argv[1:]
    with tempfile.TemporaryDirectory(dir=parents[0] if parents else None) as name:
        if command == "commits":
            uvloop.run(measure_commits(Path(name)))
        else:
            measure_layouts(Path(name))


if __name__ == "__main__":
    main()
