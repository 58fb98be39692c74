"""What the tests of the file of bases begin with: a file, connections, and ways to spoil it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from collab_storage import Base, Quarantined
from collab_storage.acceptance_bases import ROOM, TENANT, TIME, fields
from collab_storage.sqlite import quarantine, write_base
from collab_storage.sqlite.database import BASES, create_if_absent, open_for_writing


def make_file(path: Path) -> Path:
    """An empty store as a server has left it."""
    create_if_absent(path, BASES)
    open_for_writing(path, BASES, synchronous="off").close()
    return path


def write(path: Path, **changes: Any) -> Base:
    return write_base(path, **fields(**changes), synchronous="off")


def set_aside(path: Path, data: bytes = b"bad", *, room: str = ROOM) -> Quarantined:
    return quarantine(path, tenant=TENANT, room=room, offset=3, reason="why", data=data, time=TIME)


def change(path: Path, sql: str) -> None:
    """Spoil a file behind the back of its owner."""
    connection = sqlite3.connect(path)
    try:
        connection.executescript(sql)
    finally:
        connection.close()


def count(path: Path, table: str) -> int:
    connection = sqlite3.connect(path)
    try:
        (rows,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(rows)
    finally:
        connection.close()


#: The index of names is made by a constraint of the table.
_CONSTRAINT, _INDEX = "UNIQUE (tenant, room, offset)", "sqlite_autoindex_bases_1"


def lose_from_names(path: Path, base: Base) -> None:
    """Take a base out of the index of names alone, as a flipped byte there may."""
    change(
        path,
        f"""
        CREATE TABLE saved AS SELECT * FROM bases WHERE id={base.id};
        DELETE FROM bases WHERE id={base.id};
        CREATE TABLE saved_schema AS SELECT * FROM sqlite_schema WHERE name='{_INDEX}';
        PRAGMA writable_schema=ON;
        UPDATE sqlite_schema SET sql=replace(sql, '{_CONSTRAINT}', 'CHECK (1)') WHERE name='bases';
        DELETE FROM sqlite_schema WHERE name='{_INDEX}';
        """,
    )
    change(
        path,
        f"""
        INSERT INTO bases SELECT * FROM saved;
        PRAGMA writable_schema=ON;
        UPDATE sqlite_schema SET sql=replace(sql, 'CHECK (1)', '{_CONSTRAINT}') WHERE name='bases';
        INSERT INTO sqlite_schema SELECT * FROM saved_schema;
        """,
    )
    change(path, "DROP TABLE saved; DROP TABLE saved_schema;")
