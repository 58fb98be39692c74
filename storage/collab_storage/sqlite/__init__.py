"""The journal on SQLite: `SqliteJournal` for its one server, `look_into` for everybody else."""

from collab_storage.sqlite.database import Synchronous
from collab_storage.sqlite.journal import SqliteJournal
from collab_storage.sqlite.readonly import look_into

__all__ = ["SqliteJournal", "Synchronous", "look_into"]
