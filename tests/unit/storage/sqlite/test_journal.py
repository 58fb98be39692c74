"""The journal on SQLite passes the suite of the port, at every level of `synchronous`."""

from __future__ import annotations

from pathlib import Path

from collab_storage import Journal
from collab_storage.acceptance import JournalAcceptance
from collab_storage.sqlite import SqliteJournal


class TestSqliteJournal(JournalAcceptance):
    def make_journal(self, directory: Path) -> Journal:
        return SqliteJournal(directory / "journal.db")


class TestSqliteJournalUnsynchronised(JournalAcceptance):
    def make_journal(self, directory: Path) -> Journal:
        return SqliteJournal(directory / "journal.db", synchronous="off")
