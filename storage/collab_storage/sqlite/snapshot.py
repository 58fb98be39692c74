"""How a file is looked at and changed: in one moment of it, in one transaction. And rooms by name.

Shared by the journal and the bases; each passes its own connection. Knows no table.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from collab_storage.sqlite.faults import translated

_ROOMS = "SELECT DISTINCT room FROM {} WHERE tenant=? AND room>? AND room>=?{} ORDER BY room LIMIT ?"


@contextmanager
def snapshot(connection: sqlite3.Connection, *, where: str) -> Iterator[None]:
    """What is read inside is of one moment. Keep it short: it holds the write-ahead log."""
    with translated(where):
        # One that an earlier fault left open would show an old moment for ever.
        _end_transaction(connection)
        try:
            connection.execute("BEGIN")
            yield
        finally:
            _end_transaction(connection)


def _end_transaction(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def select_rooms(
    connection: sqlite3.Connection, table: str, tenant: str, prefix: str, *, after: str, limit: int
) -> list[str]:
    """The different values of column `room` of a table, as `Journal.rooms` says."""
    end = prefix_end(prefix)
    bounds = (tenant, after, prefix) if end is None else (tenant, after, prefix, end)
    sql = _ROOMS.format(table, "" if end is None else " AND room<?")
    return [room for (room,) in connection.execute(sql, (*bounds, limit))]


def prefix_end(prefix: str) -> str | None:
    """The first text after all that begin with `prefix`, by code points; None if nothing comes after them."""
    while prefix:
        last = ord(prefix[-1])
        if last < 0x10FFFF:
            # The surrogates are no characters; the one after U+D7FF is U+E000.
            return prefix[:-1] + chr(0xE000 if last == 0xD7FF else last + 1)
        prefix = prefix[:-1]
    return None
