"""Reads the whole file of bases and says what is wrong. Lives on the thread of a connection of its own.

A base at a time, so that workers go on; one that is dropped meanwhile is passed over.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from collab_storage.bases import Quarantined
from collab_storage.errors import GoneError, UnreadableError
from collab_storage.records import Damage
from collab_storage.sqlite.bases_reader import BasesReader
from collab_storage.sqlite.bases_rows import (
    BASE_COLUMNS,
    CHUNK_IDS,
    ENTRY_COLUMNS,
    StoredBase,
    StoredEntry,
    decode_base,
    decode_entry,
)
from collab_storage.sqlite.snapshot import snapshot

_ORPHANS = (
    "SELECT DISTINCT id / ?1 FROM chunks"
    " WHERE id / ?1 NOT IN (SELECT id FROM bases) AND id / ?1 NOT IN (SELECT base_id FROM purges)"
)
_NEXT_BASE = f"SELECT tenant, room, {BASE_COLUMNS} FROM bases WHERE id>? ORDER BY id LIMIT 1"
_NEXT_ENTRY = f"SELECT tenant, room, {ENTRY_COLUMNS} FROM quarantine WHERE id>? ORDER BY id LIMIT 1"


def verify_bases(connection: sqlite3.Connection, *, where: str) -> list[Damage]:
    """See `Bases.verify`."""
    verification = _Verification(connection, where=where)
    damages: list[Damage] = []
    for check in (verification.file, verification.bases, verification.quarantine):
        try:
            damages.extend(check())
        except UnreadableError as error:
            damages.append(Damage.of(error))
    return damages


class _Verification:
    def __init__(self, connection: sqlite3.Connection, *, where: str) -> None:
        self._connection = connection
        self._where = where
        self._reader = BasesReader(connection, where=where)

    def file(self) -> Iterator[Damage]:
        with snapshot(self._connection, where=self._where):
            for (line,) in self._connection.execute("PRAGMA integrity_check"):
                if line != "ok":
                    yield Damage(problem=line, where=self._where)
            for (number,) in self._connection.execute(_ORPHANS, (CHUNK_IDS,)):
                yield Damage(problem=f"chunks of base {number}, which has no entry", where=self._where)

    def bases(self) -> Iterator[Damage]:
        for tenant, room, row in self._each(_NEXT_BASE):
            try:
                self._check_base(tenant, room, row)
            except UnreadableError as error:
                yield Damage.of(error)

    def _check_base(self, tenant: str, room: str, row: StoredBase) -> None:
        base = decode_base(row, tenant=tenant, room=room, where=self._where)
        try:
            self._reader.check(base)
        except GoneError:
            # Dropped since its row was read.
            pass

    def quarantine(self) -> Iterator[Damage]:
        for tenant, room, row in self._each(_NEXT_ENTRY):
            try:
                self._check_entry(tenant, room, row)
            except UnreadableError as error:
                yield Damage.of(error)

    def _check_entry(self, tenant: str, room: str, row: StoredEntry) -> None:
        entry: Quarantined = decode_entry(row, tenant=tenant, room=room, where=self._where)
        try:
            self._reader.quarantined_data(entry)
        except GoneError:
            # Its room was deleted since its row was read.
            pass

    def _each(self, next_row: str) -> Iterator[Any]:
        """Tenant, room and the rest of each row, which begins with its id; each in a moment of its own."""
        number = 0
        while True:
            with snapshot(self._connection, where=self._where):
                row = self._connection.execute(next_row, (number,)).fetchone()
            if row is None:
                return
            tenant, room, *rest = row
            yield tenant, room, rest
            number = rest[0]
