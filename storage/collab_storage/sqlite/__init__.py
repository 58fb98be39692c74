"""The journal on SQLite. `SqliteJournal` is all that others need."""

from collab_storage.sqlite.database import Synchronous
from collab_storage.sqlite.journal import SqliteJournal

__all__ = ["SqliteJournal", "Synchronous"]
