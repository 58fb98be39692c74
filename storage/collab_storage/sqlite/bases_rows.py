"""How a base, its chunks and an entry of the quarantine are rows: ids, checksums, and back.

Pure: no connection. Specified in `FORMAT.md`, checksums in the manner of the journal's (`rows.py`).
"""

from __future__ import annotations

import struct
from zlib import crc32

from collab_storage.bases import Base, Quarantined
from collab_storage.errors import UnreadableError

#: So many ids of rows in `chunks` belong to each base: its table, then its data in order. Enough for 1 TB.
CHUNK_IDS = 1 << 20

#: Number of the row that holds the table of a base; chunk n of the data has number n + 1.
TABLE_NUMBER = 0

#: id, offset, time, size_bytes, table_bytes, checksum, head
BASE_COLUMNS = "id, offset, time, size_bytes, table_bytes, checksum, head"
StoredBase = tuple[int, int, float, int, int, int, bytes]

#: id, offset, time, reason, size_bytes, data_checksum, checksum
ENTRY_COLUMNS = "id, offset, time, reason, size_bytes, data_checksum, checksum"
StoredEntry = tuple[int, int, float, str, int, int, int]

_ID_OFFSET = struct.Struct(">qq")
_BASE = struct.Struct(">dqq")
_NUMBER = struct.Struct(">q")
_ENTRY = struct.Struct(">qdqI")


def room_checksum(tenant: str, room: str) -> int:
    """CRC-32 of the key. All other checksums start from it: no row passes for another room's."""
    return crc32(f"{tenant}\0{room}\0".encode())


def base_checksum(base: Base) -> int:
    fields = _BASE.pack(base.time, base.size_bytes, base.table_bytes)
    return crc32(base.head, crc32(fields, _seed(base)))


def _seed(base: Base) -> int:
    """What all rows of a base start from: none passes for one of another base of the room."""
    return crc32(_ID_OFFSET.pack(base.id, base.offset), room_checksum(base.tenant, base.room))


def chunk_id(base: Base, number: int) -> int:
    """`chunks.id` of the row with a number of a base."""
    return base.id * CHUNK_IDS + number


def chunk_checksum(base: Base, number: int, data: bytes) -> int:
    return crc32(data, crc32(_NUMBER.pack(number), _seed(base)))


def entry_checksum(entry: Quarantined, data_checksum: int) -> int:
    """Of all but the bytes of an entry, which `data_checksum` is of."""
    fields = _ENTRY.pack(entry.offset, entry.time, entry.size_bytes, data_checksum)
    return crc32(entry.reason.encode(), crc32(fields, room_checksum(entry.tenant, entry.room)))


def decode_base(row: StoredBase, *, tenant: str, room: str, where: str) -> Base:
    """The base of a row. Raises UnreadableError if it is not as it was written."""
    number, offset, time, size_bytes, table_bytes, checksum, head = row
    base = Base(tenant, room, number, offset, head, size_bytes, table_bytes, time)
    try:
        found = base_checksum(base)
    except (TypeError, ValueError, struct.error) as error:
        raise damaged(base, f"the entry is damaged: {error}", where=where) from error
    if found != checksum:
        raise damaged(base, f"the entry is damaged: checksum is {found:#010x}", where=where)
    return base


def decode_chunk(
    row: tuple[int, bytes] | None, base: Base, number: int, *, size_bytes: int, where: str
) -> bytes:
    """The bytes of a row, given as checksum and data. Raises UnreadableError if they are not as written."""
    what = "the table" if number == TABLE_NUMBER else f"chunk {number - 1}"
    if row is None:
        raise damaged(base, f"{what} is missing", where=where)
    checksum, data = row
    if not isinstance(data, bytes) or len(data) != size_bytes:
        raise damaged(base, f"{what} has not its length of {size_bytes} bytes", where=where)
    if chunk_checksum(base, number, data) != checksum:
        raise damaged(base, f"{what} is damaged: its checksum is wrong", where=where)
    return data


def decode_entry(row: StoredEntry, *, tenant: str, room: str, where: str) -> Quarantined:
    """The entry of a row. Raises UnreadableError if it is not as it was written."""
    number, offset, time, reason, size_bytes, data_checksum, checksum = row
    entry = Quarantined(tenant, room, number, offset, reason, size_bytes, time)
    try:
        whole = entry_checksum(entry, data_checksum) == checksum
    except (TypeError, ValueError, AttributeError, struct.error):
        whole = False
    if not whole:
        raise damaged(entry, f"entry {number} of the quarantine is damaged", where=where)
    return entry


def damaged(subject: Base | Quarantined, problem: str, *, where: str) -> UnreadableError:
    if isinstance(subject, Base):
        problem = f"base {subject.id}: {problem}"
    return UnreadableError(
        problem, where=where, tenant=subject.tenant, room=subject.room, offset=subject.offset
    )
