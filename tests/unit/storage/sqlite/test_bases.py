"""The bases on SQLite: the suite of the port, threads, two processes at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from collab_storage import Base, Bases, Quarantined
from collab_storage.acceptance_bases import BasesAcceptance
from collab_storage.sqlite import SqliteBases, quarantine, read_back, write_base


class TestSqliteBases(BasesAcceptance):
    def make_bases(self, directory: Path) -> Bases:
        self.path = directory / "bases.db"
        return SqliteBases(self.path)

    def put(self, bases: Bases, **fields: Any) -> Base:
        base = write_base(self.path, **fields)
        read_back(self.path, base)
        return base

    def put_aside(self, bases: Bases, **fields: Any) -> Quarantined:
        return quarantine(self.path, **fields)
