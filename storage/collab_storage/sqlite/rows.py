"""How a record is one row: the columns, the checksum, and back. Specified in `FORMAT.md`.

Pure: no connection. CRC-32 because it finds every flipped byte and every burst up to 32 bits, costs under a
microsecond for an ordinary row, and is in every language's standard library; it guards against accidents, not
against people.
"""

from __future__ import annotations

import struct
from zlib import crc32

from collab_storage.errors import UnreadableError
from collab_storage.records import Record, RecordKind, StreamKey

#: Kind of a row whose record was dropped by `remove_offsets`; it keeps the chain of offsets whole.
REMOVED = 0

#: stream_id, offset, skipped, kind, time, authors, data, checksum
Row = tuple[int, int, int, int, float, bytes, bytes, int]

#: offset, skipped, kind, time, authors, data, checksum
StoredRow = tuple[int, int, int, float, bytes, bytes, int]

#: The columns of a `StoredRow` but the first, of a table called r.
CONTENT = "r.skipped, r.kind, r.time, r.authors, r.data, r.checksum"

_FIELDS = struct.Struct(">qqBdI")
_STREAM = struct.Struct(">qq")


def key_checksum(key: StreamKey) -> int:
    """CRC-32 of the key. Each of its rows' checksums starts from it: no row passes for another room's."""
    return crc32(f"{key.tenant}\0{key.room}\0{key.stream}\0".encode())


def stream_checksum(seed: int, *, floor: int, head: int) -> int:
    return crc32(_STREAM.pack(floor, head), seed)


def row_checksum(
    seed: int, *, offset: int, skipped: int, kind: int, time: float, authors: bytes, data: bytes
) -> int:
    fields = _FIELDS.pack(offset, skipped, kind, time, len(authors))
    return crc32(data, crc32(authors, crc32(fields, seed)))


def encode_row(record: Record, *, stream_id: int, seed: int, previous: int) -> Row:
    """The row of a record that follows offset `previous` in its stream (-1: it is the first)."""
    offset, kind, time, authors, data = record.offset, record.kind, record.time, record.authors, record.data
    skipped = offset - previous - 1
    fields = _FIELDS.pack(offset, skipped, kind, time, len(authors))
    checksum = crc32(data, crc32(authors, crc32(fields, seed)))
    return stream_id, offset, skipped, kind, time, authors, data, checksum


def removed_row(*, offset: int, skipped: int, seed: int) -> tuple[int, float, bytes, bytes, int]:
    """kind, time, authors, data and checksum of a row whose record is gone."""
    checksum = row_checksum(
        seed, offset=offset, skipped=skipped, kind=REMOVED, time=0.0, authors=b"", data=b""
    )
    return REMOVED, 0.0, b"", b"", checksum


def decode_row(row: StoredRow, *, key: StreamKey, seed: int, where: str) -> Record | None:
    """The record of a row, None if it was removed. Raises UnreadableError if it is not as written."""
    offset, skipped, kind, time, authors, data, checksum = row
    try:
        found = row_checksum(
            seed, offset=offset, skipped=skipped, kind=kind, time=time, authors=authors, data=data
        )
        if found != checksum:
            raise ValueError(f"checksum is {found:#010x}, not {checksum:#010x}")
        if kind == REMOVED:
            return None
        return Record(key.tenant, key.room, key.stream, offset, RecordKind(kind), data, authors, time)
    except (TypeError, ValueError, struct.error) as error:
        raise damaged(key, f"the record is damaged: {error}", where=where, offset=offset) from error


def damaged(key: StreamKey, problem: str, *, where: str, offset: int | None = None) -> UnreadableError:
    return UnreadableError(
        problem,
        where=where,
        tenant=key.tenant,
        room=key.room,
        stream=key.stream,
        offset=offset,
    )
