"""The table `streams`: from a stream's name to its number, and how far it reaches.

Shared by writer and reader; each passes its own connection.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from collab_storage.records import StreamKey
from collab_storage.sqlite.rows import CONTENT, damaged, decode_row, key_checksum, stream_checksum

_SAME_CHECKSUM = "SELECT tenant, room, stream FROM streams WHERE key_checksum=?"
_INSERT = (
    "INSERT INTO streams (tenant, room, stream, key_checksum, floor, head, checksum) VALUES (?,?,?,?,?,?,?)"
)
_LAST_PLACED = (
    f"SELECT p.offset, {CONTENT} FROM places p LEFT JOIN records r ON r.id=p.record_id"
    " WHERE p.stream_id=? ORDER BY p.offset DESC LIMIT 1"
)
_LAST_RECENT = (
    f"SELECT r.offset, {CONTENT} FROM records r WHERE r.stream_id=? AND r.id>? ORDER BY r.id DESC LIMIT 1"
)


@dataclass(slots=True)
class Stream:
    """One stream. Every offset up to `floor` was removed; the file says that it reaches `saved_head`."""

    key: StreamKey
    id: int
    seed: int
    floor: int
    saved_head: int
    head: int = -1


def find_stream(connection: sqlite3.Connection, key: StreamKey, *, where: str) -> Stream | None:
    """The row of a stream, its checksum verified; `head` is not filled in."""
    row = connection.execute(
        "SELECT id, floor, head, checksum FROM streams WHERE tenant=? AND room=? AND stream=?",
        (key.tenant, key.room, key.stream),
    ).fetchone()
    if row is None:
        _check_absence(connection, key, where=where)
        return None
    stream_id, floor, head, checksum = row
    stream = Stream(key, stream_id, key_checksum(key), floor, head)
    if not _is_whole(stream, checksum):
        raise damaged(key, "the entry of the stream is damaged", where=where)
    return stream


def _check_absence(connection: sqlite3.Connection, key: StreamKey, *, where: str) -> None:
    """Ask a second index. One flipped byte can hide a name from an index, and its room would look new."""
    for names in connection.execute(_SAME_CHECKSUM, (key_checksum(key),)):
        if StreamKey(*names) == key:
            raise damaged(key, "the index of streams does not hold it", where=where)


def _is_whole(stream: Stream, checksum: object) -> bool:
    numbers = (stream.id, stream.floor, stream.saved_head)
    if not all(isinstance(number, int) for number in numbers):
        return False
    return checksum == stream_checksum(stream.seed, floor=stream.floor, head=stream.saved_head)


def find_head(connection: sqlite3.Connection, stream: Stream, *, placed: int | None, where: str) -> int:
    """Fill in and return the highest offset ever held. Raises UnreadableError, also if it is lost.

    `placed` is the id after which to look for records without a place; None if the stream has none.
    """
    rows = connection.execute(_LAST_PLACED, (stream.id,)).fetchall()
    if placed is not None:
        rows += connection.execute(_LAST_RECENT, (stream.id, placed)).fetchall()
    for row in rows:
        decode_row(row, key=stream.key, seed=stream.seed, where=where)
    stream.head = max([stream.floor, *(row[0] for row in rows)])
    if stream.head < stream.saved_head:
        raise damaged(stream.key, f"records up to offset {stream.saved_head} are missing", where=where)
    return stream.head


def insert_stream(connection: sqlite3.Connection, key: StreamKey, *, first: int) -> Stream:
    """A new stream whose first record will have offset `first`, and is written in the same transaction."""
    seed = key_checksum(key)
    checksum = stream_checksum(seed, floor=-1, head=first)
    cursor = connection.execute(_INSERT, (key.tenant, key.room, key.stream, seed, -1, first, checksum))
    assert cursor.lastrowid is not None
    return Stream(key, cursor.lastrowid, seed, -1, first)


def save_stream(connection: sqlite3.Connection, stream: Stream) -> None:
    """Write floor and head back."""
    checksum = stream_checksum(stream.seed, floor=stream.floor, head=stream.head)
    connection.execute(
        "UPDATE streams SET floor=?, head=?, checksum=? WHERE id=?",
        (stream.floor, stream.head, checksum, stream.id),
    )
    stream.saved_head = stream.head
