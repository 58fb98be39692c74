"""Durable storage for collab-server: bytes in, bytes out.

A leaf: imports nothing of `collab_server`. The port is `Journal`; adapters are `memory.MemoryJournal` and
`sqlite.SqliteJournal`, and `acceptance.JournalAcceptance` is what any further one must pass.
"""

from collab_storage.authors import decode_authors, encode_authors
from collab_storage.errors import (
    ConflictError,
    ForeignFileError,
    LockedError,
    NewerFormatError,
    StorageError,
    UnavailableError,
    UnreadableError,
)
from collab_storage.journal import Journal
from collab_storage.records import Damage, Record, RecordKind, StreamInfo, StreamKey

__all__ = [
    "ConflictError",
    "Damage",
    "ForeignFileError",
    "Journal",
    "LockedError",
    "NewerFormatError",
    "Record",
    "RecordKind",
    "StorageError",
    "StreamInfo",
    "StreamKey",
    "UnavailableError",
    "UnreadableError",
    "decode_authors",
    "encode_authors",
]
