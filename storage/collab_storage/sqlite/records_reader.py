"""Reading the journal's file in another process, beside the server: what a worker compacts from.

Synchronous. Page by page, each a moment of its own, so that a long reading never holds the write-ahead log.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from collab_storage.journal import DEFAULT_PAGE_BYTES
from collab_storage.records import Record, StreamKey
from collab_storage.sqlite.database import JOURNAL, open_for_reading
from collab_storage.sqlite.reader import Reader


def read_records(
    path: str | Path, key: StreamKey, *, after: int, upto: int, max_page_bytes: int = DEFAULT_PAGE_BYTES
) -> Iterator[Record]:
    """The records of a stream after offset `after`, up to and with the one at `upto`, all of them.

    For what must be whole. Raises GoneError if some were removed before they were read: a newer base covers
    them then, or the room was deleted. Raises UnreadableError for damage, also if there is none at `upto`,
    and UnavailableError. Nothing is open before the first record is asked for, nor after the last.
    """
    if after >= upto:
        return
    connection = open_for_reading(Path(path), JOURNAL)
    try:
        reader = Reader(connection, where=str(path))
        while after < upto:
            page = reader.read_whole(key, after, upto, max_page_bytes)
            yield from page
            after = page[-1].offset
    finally:
        connection.close()
