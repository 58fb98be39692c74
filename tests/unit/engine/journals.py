"""Journals on disk with a few updates in them, for what reads them by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from collab_storage import Record, RecordKind
from collab_storage.sqlite import SqliteJournal

from collab_server.config import StorageSettings
from collab_server.types import DOCUMENT_STREAM


async def write_document(data: Path, room: str, updates: Sequence[bytes], *, tenant: str = "default") -> Path:
    """Store updates as a document in the data directory `data`; the journal's path."""
    await asyncio.to_thread(data.mkdir, exist_ok=True)
    path = StorageSettings(directory=data).journal_file
    journal = SqliteJournal(path)
    await journal.open()
    await journal.append(
        [
            Record(tenant, room, DOCUMENT_STREAM, offset, RecordKind.DELTA, update, b"[]", 1.0)
            for offset, update in enumerate(updates)
        ]
    )
    await journal.close()
    return path
