from __future__ import annotations

from pathlib import Path

import pytest
from collab_storage import ForeignFileError, UnreadableError

from collab_server.engine.job import NoSuchRoom, Refused
from collab_server.engine.sources import document_updates
from tests.unit.engine.journals import write_document


def _read(path: Path, room: str, tenant: str = "default") -> list[bytes]:
    bases = str(path.parent / "bases.sqlite3")
    return document_updates({"journal": str(path), "bases": bases, "tenant": tenant, "room": room})


async def test_all_updates_in_their_order_and_nobody_elses(tmp_path: Path) -> None:
    updates = [bytes([number]) * 2_000_000 for number in range(3)]
    path = await write_document(tmp_path, "notes", updates)
    await write_document(tmp_path, "other", [b"other"])
    await write_document(tmp_path, "notes", [b"their notes"], tenant="school")
    assert _read(path, "notes") == updates
    assert _read(path, "notes", "school") == [b"their notes"]


async def test_what_is_not_there(tmp_path: Path) -> None:
    path = await write_document(tmp_path, "notes", [b"x"])
    with pytest.raises(NoSuchRoom, match="'nobody'"):
        _read(path, "nobody")
    with pytest.raises(NoSuchRoom, match="no journal"):
        _read(tmp_path / "elsewhere", "notes")


async def test_what_cannot_be_read_is_no_empty_document(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    for content, error in ((b"", UnreadableError), (b"no database at all" * 100, UnreadableError)):
        path.write_bytes(content)
        with pytest.raises(error):
            _read(path, "notes")


def test_arguments_are_checked() -> None:
    with pytest.raises(Refused, match="the argument room must be text"):
        document_updates({"journal": "x", "bases": "y", "tenant": "default", "room": 5})


def test_a_database_of_somebody_else(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "journal.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (a)")
    connection.close()
    with pytest.raises(ForeignFileError):
        _read(path, "notes")
