"""The journal and the bases on SQLite: all that others need.

`SqliteJournal` and `SqliteBases` for the server; the functions for workers, which have no loop.
"""

from collab_storage.sqlite.bases import SqliteBases
from collab_storage.sqlite.bases_reader import BasesReader, read_back, reading_bases
from collab_storage.sqlite.bases_writer import quarantine, withdraw_base, write_base
from collab_storage.sqlite.database import Synchronous
from collab_storage.sqlite.journal import SqliteJournal
from collab_storage.sqlite.readonly import look_into
from collab_storage.sqlite.records_reader import read_records

__all__ = [
    "BasesReader",
    "SqliteBases",
    "SqliteJournal",
    "Synchronous",
    "look_into",
    "quarantine",
    "read_back",
    "read_records",
    "reading_bases",
    "withdraw_base",
    "write_base",
]
