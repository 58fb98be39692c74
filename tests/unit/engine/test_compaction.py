"""The job that makes a base: whole, repeatable, refused where it would lie."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from collab_storage import GoneError, UnreadableError
from collab_storage.sqlite import SqliteBases, SqliteJournal, read_back, reading_bases
from pycrdt import Doc, Text

from collab_server.config import StorageSettings
from collab_server.engine import compaction
from collab_server.engine.compaction import Source, compact_document, compact_stored, try_stored
from collab_server.engine.job import Refused
from collab_server.errors import InvalidUpdate
from tests.unit.engine.journals import write_document

WORDS = ["one ", "two ", "three ", "four"]


def updates() -> list[bytes]:
    """A text written word by word."""
    doc: Doc = Doc(client_id=1)
    text, made = doc.get("t", type=Text), []
    for word in WORDS:
        before = doc.get_state()
        text += word
        made.append(doc.get_update(before))
    return made


@pytest.fixture
async def bases(tmp_path: Path) -> AsyncIterator[SqliteBases]:
    store = SqliteBases(StorageSettings(directory=tmp_path).bases_file)
    await asyncio.to_thread(tmp_path.mkdir, exist_ok=True)
    await store.open()
    yield store
    await store.close()


async def source(tmp_path: Path, data: list[bytes], *, upto: int) -> Source:
    journal = await write_document(tmp_path, "notes", data)
    return Source(journal, StorageSettings(directory=tmp_path).bases_file, "default", "notes", upto)


def text_of(made_by: Source) -> str:
    with reading_bases(made_by.bases) as reader:
        base = reader.newest("default", "notes")
        assert base is not None
        doc: Doc = Doc()
        text = doc.get("t", type=Text)
        doc.apply_update(b"".join([reader.chunk(base, number) for number in range(base.chunks)]))
        return str(text)


async def test_a_base_of_rows_then_of_a_base_and_rows(tmp_path: Path, bases: SqliteBases) -> None:
    first = await source(tmp_path, updates(), upto=1)
    assert compact_document(first, synchronous="off").offset == 1
    assert text_of(first) == "one two "
    # The rows that the base covers are not read again.
    journal = SqliteJournal(first.journal)
    await journal.open()
    await journal.remove(first.stream, upto=1)
    await journal.close()
    second = Source(first.journal, first.bases, "default", "notes", upto=3)
    assert compact_document(second, synchronous="off").offset == 3
    assert text_of(second) == "".join(WORDS)


async def test_a_second_try_finds_what_the_first_wrote(tmp_path: Path, bases: SqliteBases) -> None:
    made_of = await source(tmp_path, updates(), upto=3)
    written = compact_document(made_of, synchronous="off")
    assert compact_document(made_of, synchronous="off") == written


async def test_an_older_base_is_not_put_over_a_newer_one(tmp_path: Path, bases: SqliteBases) -> None:
    made_of = await source(tmp_path, updates(), upto=3)
    compact_document(made_of, synchronous="off")
    with pytest.raises(Refused, match="a base of offset 3 already"):
        compact_document(
            Source(made_of.journal, made_of.bases, "default", "notes", upto=2), synchronous="off"
        )


async def test_rows_that_are_gone_or_not_there_yet(tmp_path: Path, bases: SqliteBases) -> None:
    made_of = await source(tmp_path, updates(), upto=9)
    with pytest.raises(UnreadableError):
        compact_document(made_of, synchronous="off")
    journal = SqliteJournal(made_of.journal)
    await journal.open()
    await journal.remove(made_of.stream, upto=1)
    await journal.close()
    with pytest.raises(GoneError):
        compact_document(
            Source(made_of.journal, made_of.bases, "default", "notes", upto=3), synchronous="off"
        )
    assert await bases.newest("default", "notes") is None


async def test_what_names_what_is_not_there_makes_no_base(tmp_path: Path, bases: SqliteBases) -> None:
    made_of = await source(tmp_path, [updates()[2]], upto=0)
    with pytest.raises(InvalidUpdate):
        compact_document(made_of, synchronous="off")
    assert await bases.newest("default", "notes") is None


async def test_a_base_that_reads_back_damaged_is_withdrawn(
    tmp_path: Path, bases: SqliteBases, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_of = await source(tmp_path, updates(), upto=3)

    def damaged(*_: object) -> None:
        raise UnreadableError("flipped", where="bases.sqlite3")

    monkeypatch.setattr(compaction, "read_back", damaged)
    with pytest.raises(UnreadableError):
        compact_document(made_of, synchronous="off")
    assert await bases.newest("default", "notes") is None
    monkeypatch.setattr(compaction, "read_back", read_back)
    assert compact_document(made_of, synchronous="off").offset == 3


async def test_unusable_structs_are_left_out_and_their_row_is_kept(
    tmp_path: Path, bases: SqliteBases
) -> None:
    data = updates()
    await source(tmp_path, data, upto=3)
    # The third word: clocks 8 to 14 of client 1.
    arguments = {
        "journal": str(StorageSettings(directory=tmp_path).journal_file),
        "bases": str(StorageSettings(directory=tmp_path).bases_file),
        "tenant": "default",
        "room": "notes",
        "upto": 3,
        "unusable": [[2, 1, 8, 14]],
    }
    assert try_stored({**arguments, "alone": False}) == ({}, None)
    values, attachment = compact_stored({**arguments, "synchronous": "off"})
    assert (values["offset"], attachment) == (3, None)
    assert text_of(Source.of(arguments)) == "one two four"
    (entry,) = await bases.quarantined("default", "notes")
    assert (entry.offset, await bases.quarantined_data(entry)) == (2, data[2])


def test_arguments_are_checked() -> None:
    whole = {"journal": "j", "bases": "b", "tenant": "t", "room": "r", "upto": 1}
    for wrong in ({"upto": "1"}, {"unusable": 7}, {"unusable": [["a", 1, 2, 3]]}, {"room": 5}):
        with pytest.raises(Refused):
            Source.of({**whole, **wrong})
    with pytest.raises(Refused, match="must be a level"):
        compact_stored(whole)
