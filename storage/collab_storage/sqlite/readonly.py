"""A look into a journal that somebody else may be writing: no lock, no change, no thread.

For worker processes and commands. The server itself reads through its `SqliteJournal`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from collab_storage.sqlite.database import JOURNAL, open_for_looking
from collab_storage.sqlite.reader import Reader


@contextmanager
def look_into(path: str | Path) -> Iterator[Reader]:
    """A reader of the journal at `path`, whether or not a server has it open. For one thread.

    Call its functions with `recent=True`: it does not know what a writer has just added. Raises
    FileNotFoundError, NewerFormatError, ForeignFileError, UnreadableError and UnavailableError.
    """
    connection = open_for_looking(Path(path), JOURNAL)
    try:
        yield Reader(connection, where=str(path))
    finally:
        connection.close()
