"""Durable storage for collab-server: bytes in, bytes out.

A leaf: imports nothing of `collab_server`. The ports are `Journal` and `Bases`; adapters are
`memory.MemoryJournal` and `memory_bases.MemoryBases`, `sqlite.SqliteJournal` and `sqlite.SqliteBases`.
`acceptance.JournalAcceptance` and `acceptance_bases.BasesAcceptance` are what any further one must pass.
"""

from collab_storage.authors import decode_authors, encode_authors
from collab_storage.bases import CHUNK_BYTES, Base, Bases, Quarantined
from collab_storage.errors import (
    ConflictError,
    ForeignFileError,
    GoneError,
    LockedError,
    NewerFormatError,
    StorageError,
    UnavailableError,
    UnreadableError,
)
from collab_storage.journal import Journal
from collab_storage.records import Damage, Record, RecordKind, StreamInfo, StreamKey

__all__ = [
    "CHUNK_BYTES",
    "Base",
    "Bases",
    "ConflictError",
    "Damage",
    "ForeignFileError",
    "GoneError",
    "Journal",
    "LockedError",
    "NewerFormatError",
    "Quarantined",
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
