"""Where the updates of a document come from: its base and the rows after that, read by the worker itself.

The one place in a worker that knows the store. Large bytes never cross the pipe.
"""

from __future__ import annotations

from pathlib import Path

from collab_storage import Base, GoneError, StreamKey, UnavailableError
from collab_storage.sqlite import look_into, reading_bases

from collab_server.engine.job import Arguments, NoSuchRoom, text_argument
from collab_server.types import DOCUMENT_STREAM

#: One read sees one moment of the file, so all rows are taken at once.
_ALL_BYTES = 1 << 62
#: Times that a room may be compacted while it is read.
_ATTEMPTS = 5


def document_updates(arguments: Arguments) -> list[bytes]:
    """Every update of a document, in order, its base first: arguments `journal`, `bases` (paths), `tenant`,
    `room`.

    Raises NoSuchRoom, and StorageError for what cannot be read.
    """
    tenant, room = text_argument(arguments, "tenant"), text_argument(arguments, "room")
    journal, bases = text_argument(arguments, "journal"), Path(text_argument(arguments, "bases"))
    for _ in range(_ATTEMPTS):
        try:
            base, updates = _base(bases, tenant, room)
            updates += _rows(journal, tenant, room, after=-1 if base is None else base.offset)
            if _base_offset(bases, tenant, room) == (None if base is None else base.offset):
                break
        except GoneError:
            continue
    else:
        raise UnavailableError(f"room {room!r} is compacted faster than it can be read")
    if not updates and not _is_known(journal, tenant, room):
        raise NoSuchRoom(f"nothing is stored of room {room!r} of tenant {tenant!r}")
    return updates


def _base(bases: Path, tenant: str, room: str) -> tuple[Base | None, list[bytes]]:
    if not bases.exists():
        return None, []
    with reading_bases(bases) as reader:
        base = reader.newest(tenant, room)
        if base is None:
            return None, []
        return base, [b"".join([reader.chunk(base, number) for number in range(base.chunks)])]


def _base_offset(bases: Path, tenant: str, room: str) -> int | None:
    if not bases.exists():
        return None
    with reading_bases(bases) as reader:
        base = reader.newest(tenant, room)
        return None if base is None else base.offset


def _rows(journal: str, tenant: str, room: str, *, after: int) -> list[bytes]:
    key = StreamKey(tenant, room, DOCUMENT_STREAM)
    try:
        with look_into(journal) as reader:
            return [record.data for record in reader.read(key, after, _ALL_BYTES, recent=True)]
    except FileNotFoundError as error:
        raise NoSuchRoom(f"there is no journal at {error}") from error


def _is_known(journal: str, tenant: str, room: str) -> bool:
    with look_into(journal) as reader:
        return bool(reader.streams(tenant, room))
