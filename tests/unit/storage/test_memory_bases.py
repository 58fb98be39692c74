"""The bases in memory pass the suite of the port."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from collab_storage import Base, Bases, Quarantined
from collab_storage.acceptance_bases import BasesAcceptance
from collab_storage.memory_bases import MemoryBases


class TestMemoryBases(BasesAcceptance):
    durable = False

    def make_bases(self, directory: Path) -> Bases:
        return MemoryBases()

    def put(self, bases: Bases, **fields: Any) -> Base:
        assert isinstance(bases, MemoryBases)
        return bases.put(**fields)

    def put_aside(self, bases: Bases, **fields: Any) -> Quarantined:
        assert isinstance(bases, MemoryBases)
        return bases.quarantine(**fields)
