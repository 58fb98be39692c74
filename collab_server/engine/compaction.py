"""The job that makes a base: old base and journal rows in, a new base out, read back before anybody relies
on it.

Owns the order of its steps and what is checked between them. Large bytes stay here; the server gets numbers.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast, get_args

from collab_storage import Base, StreamKey, UnreadableError
from collab_storage.sqlite import (
    BasesReader,
    Synchronous,
    quarantine,
    read_back,
    read_records,
    reading_bases,
    withdraw_base,
    write_base,
)

from collab_server.engine.job import Arguments, Refused, Result, text_argument
from collab_server.types import DOCUMENT_STREAM, ClockRange
from collab_server.updates import STORED_LIMITS, Index, scan
from collab_server.updates.compaction import Compacted, compact
from collab_server.updates.compaction.hollow import hollow, hull
from collab_server.updates.refusal import malformed


@dataclass(frozen=True, slots=True)
class Source:
    """A document as it was at offset `upto`, in files; `unusable` are structs, by row, whose content is left
    out.
    """

    journal: Path
    bases: Path
    tenant: str
    room: str
    upto: int
    unusable: Mapping[int, Collection[ClockRange]] = field(default_factory=dict)

    @classmethod
    def of(cls, arguments: Arguments) -> Source:
        """From `journal`, `bases` (paths), `tenant`, `room`, `upto`, and `unusable`, if there are any: lists
        of offset, client, clock and the clock after the struct. Raises Refused.
        """
        return cls(
            journal=Path(text_argument(arguments, "journal")),
            bases=Path(text_argument(arguments, "bases")),
            tenant=text_argument(arguments, "tenant"),
            room=text_argument(arguments, "room"),
            upto=_number(arguments.get("upto")),
            unusable=_unusable(arguments.get("unusable", [])),
        )

    @property
    def stream(self) -> StreamKey:
        return StreamKey(self.tenant, self.room, DOCUMENT_STREAM)


def compact_stored(arguments: Arguments) -> Result:
    """The job: arguments as `Source.of`, and `synchronous`."""
    synchronous = arguments.get("synchronous")
    if synchronous not in get_args(Synchronous):
        raise Refused("the argument synchronous must be a level")
    base = compact_document(Source.of(arguments), synchronous=cast(Synchronous, synchronous))
    return {"offset": base.offset, "size_bytes": base.size_bytes}, None


def try_stored(arguments: Arguments) -> Result:
    """The job that finds out whether `compact_stored` would succeed; with `alone`, of all but the last row
    only the types are taken.
    """
    source = Source.of(arguments)
    with reading_bases(source.bases) as reader:
        former = reader.newest(source.tenant, source.room)
        old = [] if former is None else [_data(reader, former)]
    updates = _updates(source, old, after=-1 if former is None else former.offset)
    check(compact(_last_alone(updates) if arguments.get("alone") else updates))
    return {}, None


def compact_document(source: Source, *, synchronous: Synchronous) -> Base:
    """Write the base of a document. Repeatable; the base before it stays.

    Rows with unusable structs go into quarantine as they are. Raises StorageError, and InvalidUpdate if what
    is stored is no document.
    """
    with reading_bases(source.bases) as reader:
        former = reader.newest(source.tenant, source.room)
        if former is not None and former.offset == source.upto:
            # An earlier try wrote it and died; nobody knows whether it was read back.
            _read_back(source.bases, former, synchronous)
            return former
        if former is not None and former.offset > source.upto:
            raise Refused(f"there is a base of offset {former.offset} already")
        old = [] if former is None else [_data(reader, former)]
    made = compact(_updates(source, old, after=-1 if former is None else former.offset))
    check(made)
    _set_aside(source, synchronous)
    base = write_base(
        source.bases,
        tenant=source.tenant,
        room=source.room,
        offset=source.upto,
        head=made.head.encode(),
        table=made.table.encode(),
        data=made.pieces,
        time=time.time(),
        synchronous=synchronous,
    )
    _read_back(source.bases, base, synchronous)
    return base


def _data(reader: BasesReader, base: Base) -> bytes:
    return b"".join([reader.chunk(base, number) for number in range(base.chunks)])


def _set_aside(source: Source, synchronous: Synchronous) -> None:
    """Keep the rows with unusable structs, whole, for people to look at."""
    for offset, structs in sorted(source.unusable.items()):
        named = ", ".join(f"{client}:{clock}-{end}" for client, clock, end in sorted(structs))
        for record in read_records(source.journal, source.stream, after=offset - 1, upto=offset):
            quarantine(
                source.bases,
                tenant=source.tenant,
                room=source.room,
                offset=offset,
                reason=f"compaction fails on its structs {named}",
                data=record.data,
                time=time.time(),
                synchronous=synchronous,
            )


def _read_back(bases: Path, base: Base, synchronous: Synchronous) -> None:
    """Read a base anew. One that is damaged is dropped: the next start would take it for the newest."""
    try:
        read_back(bases, base)
    except UnreadableError:
        withdraw_base(bases, base, synchronous=synchronous)
        raise


def _updates(source: Source, old: list[bytes], *, after: int) -> Iterator[bytes]:
    # Taken from the list, so that a large base is not kept once it is read.
    while old:
        yield old.pop()
    for record in read_records(source.journal, source.stream, after=after, upto=source.upto):
        unusable = source.unusable.get(record.offset)
        yield hollow(record.data, unusable.__contains__) if unusable else record.data


def _last_alone(updates: Iterator[bytes]) -> Iterator[bytes]:
    """Only the types of all updates but the last."""
    before: bytes | None = None
    for update in updates:
        if before is not None:
            yield hull(before)
        before = update
    if before is not None:
        yield before


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise Refused("offsets, clients and clocks must be numbers")
    return value


def _unusable(value: object) -> Mapping[int, Collection[ClockRange]]:
    found: dict[int, set[ClockRange]] = {}
    match value:
        case list():
            for offset, client, clock, end in value:
                found.setdefault(_number(offset), set()).add((_number(client), _number(clock), _number(end)))
            return found
    raise Refused("the argument unusable must be a list")


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
