"""The job that makes a base: old base and journal rows in, a new base out, read back before anybody relies
on it.

Owns the order of its steps and what is checked between them. Large bytes stay here; the server gets numbers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast, get_args

from collab_storage import Base, StreamKey, UnreadableError
from collab_storage.sqlite import (
    Synchronous,
    read_back,
    read_records,
    reading_bases,
    withdraw_base,
    write_base,
)

from collab_server.engine.job import Arguments, Refused, Result, text_argument
from collab_server.types import DOCUMENT_STREAM
from collab_server.updates import STORED_LIMITS, Index, scan
from collab_server.updates.compaction import Compacted, compact
from collab_server.updates.refusal import malformed


def compact_stored(arguments: Arguments) -> Result:
    """The job: arguments `journal`, `bases` (paths), `tenant`, `room`, `upto`, `synchronous`."""
    upto, synchronous = arguments.get("upto"), arguments.get("synchronous")
    if not isinstance(upto, int) or synchronous not in get_args(Synchronous):
        raise Refused("the arguments upto and synchronous must be a number and a level")
    base = compact_document(
        journal=Path(text_argument(arguments, "journal")),
        bases=Path(text_argument(arguments, "bases")),
        tenant=text_argument(arguments, "tenant"),
        room=text_argument(arguments, "room"),
        upto=upto,
        synchronous=cast(Synchronous, synchronous),
    )
    return {"offset": base.offset, "size_bytes": base.size_bytes}, None


def compact_document(
    *, journal: Path, bases: Path, tenant: str, room: str, upto: int, synchronous: Synchronous
) -> Base:
    """Write the base of a document as it was at offset `upto`. Repeatable; the base before it stays.

    Raises StorageError, and InvalidUpdate if what is stored is no document.
    """
    with reading_bases(bases) as reader:
        former = reader.newest(tenant, room)
        if former is not None and former.offset == upto:
            # An earlier try wrote it and died; nobody knows whether it was read back.
            _read_back(bases, former, synchronous)
            return former
        if former is not None and former.offset > upto:
            raise Refused(f"there is a base of offset {former.offset} already")
        after = -1 if former is None else former.offset
        old = [] if former is None else [b"".join([reader.chunk(former, n) for n in range(former.chunks)])]
    made = compact(_updates(old, journal, StreamKey(tenant, room, DOCUMENT_STREAM), after=after, upto=upto))
    check(made)
    base = write_base(
        bases,
        tenant=tenant,
        room=room,
        offset=upto,
        head=made.head.encode(),
        table=made.table.encode(),
        data=made.pieces,
        time=time.time(),
        synchronous=synchronous,
    )
    _read_back(bases, base, synchronous)
    return base


def _read_back(bases: Path, base: Base, synchronous: Synchronous) -> None:
    """Read a base anew. One that is damaged is dropped: the next start would take it for the newest."""
    try:
        read_back(bases, base)
    except UnreadableError:
        withdraw_base(bases, base, synchronous=synchronous)
        raise


def _updates(old: list[bytes], journal: Path, key: StreamKey, *, after: int, upto: int) -> Iterator[bytes]:
    # Taken from the list, so that a large base is not kept once it is read.
    while old:
        yield old.pop()
    for record in read_records(journal, key, after=after, upto=upto):
        yield record.data


def check(made: Compacted) -> None:
    """A base must be an update that the server itself would take, with exactly what its head says.

    Raises InvalidUpdate.
    """
    index = Index()
    accepted = index.integrate(scan(made.data, STORED_LIMITS))
    if accepted.held or accepted.dropped_deletes:
        raise malformed("a base names what it does not hold")
    if index.state != made.head.state or index.deletes != made.head.deletes:
        raise malformed("a base does not hold what its head says")
