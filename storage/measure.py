"""What storing costs: `python storage/measure.py commits|layouts|bases|chunks [DIRECTORY]`.

CPU is that of the whole process, threads included, over the same loop without commits. `paced` makes 40
commits a second, as a server does, with cold caches; `busy` makes them one after the other. Run it where
nothing else runs, on the disk that is meant; `taskset -c 1` for one core. `bases` is the store as it is, with
pages of each size, `chunks` the tables that a chunk could be a row of. Not part of the package.
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
from dataclasses import replace
from pathlib import Path
from unittest import mock

import uvloop
from collab_storage import CHUNK_BYTES, Base, Record, RecordKind
from collab_storage.sqlite import (
    BasesReader,
    SqliteJournal,
    Synchronous,
    bases_writer,
    read_back,
    reading_bases,
    write_base,
)
from collab_storage.sqlite.database import BASES, create_if_absent, open_for_writing

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


def measure_bases(directory: Path) -> None:
    """A base of 50 MB: written, read back, read by chunks, dropped; and small ones, as most are."""
    large = os.urandom(50 * CHUNK_BYTES)
    for page_bytes in (4096, 8192, 16384, 32768):
        kind = replace(BASES, page_bytes=page_bytes)
        path = directory / f"{page_bytes}.db"
        create_if_absent(path, kind)
        connection = open_for_writing(path, kind, synchronous="full")
        with reading_bases(path) as reader, mock.patch.object(bases_writer, "BASES", kind):
            times = [measure_base(path, reader, connection, large, offset) for offset in range(ROUNDS)]
            small, small_bytes = measure_small(path, connection)
        connection.close()
        wrote, cpu, back, chunk, drop = (median(list(column)) for column in zip(*times, strict=True))
        write(
            f"pages of {page_bytes:5}: write {wrote:4.0f} ms (CPU {cpu:4.0f}), read back {back:4.0f} ms,"
            f" chunk {chunk:.2f} ms, drop {drop:3.0f} ms;"
            f" 4 kB base {small:.1f} ms, {small_bytes / 1000:.0f} kB"
        )


def measure_base(
    path: Path, reader: BasesReader, connection: sqlite3.Connection, data: bytes, offset: int
) -> tuple[float, ...]:
    """Milliseconds to write, CPU of it, to read back, to read one chunk, to drop the base before."""
    started, cpu = time.perf_counter(), time.process_time()
    base = write_one(path, data, offset)
    # As the server does after a worker has written.
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    wrote, cpu = time.perf_counter(), time.process_time() - cpu
    read_back(path, base)
    back = time.perf_counter()
    for number in range(base.chunks):
        reader.chunk(base, number)
    read = time.perf_counter()
    bases_writer.drop_older(connection, path=path, tenant="t", room="r", than=offset)
    while bases_writer.purge(connection, path=path):
        pass
    ended = time.perf_counter()
    spans = (wrote - started, cpu, back - wrote, (read - back) / base.chunks, ended - read)
    return tuple(span * 1e3 for span in spans)


def measure_small(path: Path, connection: sqlite3.Connection) -> tuple[float, float]:
    """Milliseconds and bytes of write-ahead log that a base of 4 kB takes, the base before it dropped."""
    log, times = Path(f"{path}-wal"), []
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for offset in range(20):
        started = time.perf_counter()
        write_one(path, os.urandom(4000), 1000 + offset)
        times.append((time.perf_counter() - started) * 1e3)
        bases_writer.drop_older(connection, path=path, tenant="t", room="r", than=1000 + offset)
        while bases_writer.purge(connection, path=path):
            pass
    return median(times), log.stat().st_size / len(times)


def write_one(path: Path, data: bytes, offset: int) -> Base:
    head, table = bytes(2000), bytes(len(data) // 100)
    return write_base(
        path, tenant="t", room="r", offset=offset, head=head, table=table, data=[data], time=1.7e9
    )


CHUNK_TABLES = {
    "rowid": "CREATE TABLE chunks (id INTEGER PRIMARY KEY, data BLOB)",
    "without": "CREATE TABLE chunks (id INTEGER PRIMARY KEY, data BLOB) WITHOUT ROWID",
}


def measure_chunks(directory: Path) -> None:
    """50 rows of 1 MB in one transaction, then each read through a new connection."""
    data = os.urandom(CHUNK_BYTES)
    for page_bytes in (4096, 8192, 16384, 65536):
        for name, sql in CHUNK_TABLES.items():
            path = directory / f"{name}-{page_bytes}.db"
            connection = sqlite3.connect(path, isolation_level=None)
            connection.execute(f"PRAGMA page_size={page_bytes}")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(sql)
            started = time.perf_counter()
            connection.execute("BEGIN")
            connection.executemany("INSERT INTO chunks VALUES (?,?)", ((n, data) for n in range(50)))
            connection.execute("COMMIT")
            wrote = (time.perf_counter() - started) * 1e3
            connection.close()
            reading = sqlite3.connect(path)
            spans = []
            for number in range(50):
                started = time.perf_counter()
                reading.execute("SELECT data FROM chunks WHERE id=?", (number,)).fetchone()
                spans.append((time.perf_counter() - started) * 1e3)
            reading.close()
            write(f"{name:8} pages of {page_bytes:5}: write {wrote:4.0f} ms, chunk {median(spans):.2f} ms")


def main() -> None:
    command, *parents = sys.argv[1:]
    commands = {"layouts": measure_layouts, "bases": measure_bases, "chunks": measure_chunks}
    with tempfile.TemporaryDirectory(dir=parents[0] if parents else None) as name:
        if command == "commits":
            uvloop.run(measure_commits(Path(name)))
        else:
            commands[command](Path(name))


if __name__ == "__main__":
    main()
