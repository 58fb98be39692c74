"""The journal in memory passes the suite of the port."""

from __future__ import annotations

from pathlib import Path

from collab_storage import Journal
from collab_storage.acceptance import JournalAcceptance
from collab_storage.memory import MemoryJournal


class TestMemoryJournal(JournalAcceptance):
    durable = False

    def make_journal(self, directory: Path) -> Journal:
        return MemoryJournal()
