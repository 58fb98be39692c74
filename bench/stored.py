"""Data directories of our server with one large document in each, made once and cached.

The document is many papers, each typed by a client id of its own into a root of its own: as many structs and
deleted ranges per megabyte as a real one has. Four fifths of it are a base and the rest are journal rows, so
that it is due for compaction at the first edit, as a room is that was left just before. Owns what stands in
the directories; knows the storage package and compaction, and no workload.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

from collab_storage import Record, RecordKind, encode_authors
from collab_storage.sqlite import SqliteBases, SqliteJournal, write_base

from bench.documents import TRACES, Paper, read_paper
from bench.generator.updates import FIRST_STORED_CLIENT, split_update
from bench.plan import STORED_ROOM
from collab_server.types import DEFAULT_TENANT, DOCUMENT_STREAM
from collab_server.updates.compaction import compact

_BASE_SHARE = 0.78
#: An hour of a class writes rows of some kilobytes.
_STRUCTS_PER_ROW = 200


def prepare(cache: Path, megabytes: float, traces: Path = TRACES) -> Path:
    """The data directory with a document of this size below `cache`; made, if it is not there."""
    path = cache / f"stored-{megabytes:g}"
    if not path.exists():
        unfinished = path.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        asyncio.run(_fill(unfinished, list(library(read_paper(traces), megabytes))))
        unfinished.rename(path)
    return path


def library(paper: Paper, megabytes: float) -> Iterator[bytes]:
    """Updates of together about `megabytes`, one for each paper."""
    size = 0
    number = 0
    while size < megabytes * 1e6:
        update = paper.update(FIRST_STORED_CLIENT + number, f"paper-{number}")
        yield update
        size += len(update)
        number += 1


async def _fill(directory: Path, updates: list[bytes]) -> None:
    split = max(1, int(len(updates) * _BASE_SHARE))
    bases, journal = SqliteBases(directory / "bases.sqlite3"), SqliteJournal(directory / "journal.sqlite3")
    await bases.open()
    await journal.open()
    try:
        made = compact(updates[:split])
        write_base(
            directory / "bases.sqlite3",
            tenant=DEFAULT_TENANT,
            room=STORED_ROOM,
            offset=1,
            head=made.head.encode(),
            table=made.table.encode(),
            data=made.pieces,
            time=0.0,
        )
        rows = [row for update in updates[split:] for row in split_update(update, _STRUCTS_PER_ROW)]
        await journal.append([_record(offset, row) for offset, row in enumerate(rows, start=2)])
    finally:
        await journal.close()
        await bases.close()


def _record(offset: int, update: bytes) -> Record:
    return Record(
        tenant=DEFAULT_TENANT,
        room=STORED_ROOM,
        stream=DOCUMENT_STREAM,
        offset=offset,
        kind=RecordKind.DELTA,
        data=update,
        authors=encode_authors({"pupil": {FIRST_STORED_CLIENT}}),
        time=0.0,
    )
