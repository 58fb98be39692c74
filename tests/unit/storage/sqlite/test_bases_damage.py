"""One flipped byte anywhere in the file of bases: an error that names the file, or no difference."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from collab_storage import Damage, GoneError, StorageError
from collab_storage.acceptance_bases import TENANT, fields
from collab_storage.sqlite import BasesReader, quarantine, reading_bases, write_base
from collab_storage.sqlite.bases_verify import verify_bases
from collab_storage.sqlite.bases_writer import drop_older, purge
from collab_storage.sqlite.database import BASES, open_for_reading, open_for_writing

from tests.unit.storage.sqlite.bases_files import make_file

ROOMS = ("a", "a/2", "Straße", "nobody")

#: Of each room: its newest base with its table and data, and its quarantine.
Content = tuple[Any, ...]
Found = Content | StorageError


def build(path: Path) -> None:
    """A closed store: rooms with one base and several, a replaced one, a dropped one, and quarantine."""
    make_file(path)
    chance = random.Random(1)
    for number, room in enumerate(ROOMS[:3]):
        for offset in (3, 7, 7)[: number + 1]:
            data = [chance.randbytes(chance.choice([5, 300, 20_000]))]
            given = fields(room=room, offset=offset, head=chance.randbytes(60), data=data)
            write_base(path, **given, synchronous="off")
    for bad in (b"bad", chance.randbytes(9000)):
        quarantine(path, tenant=TENANT, room="a", offset=5, reason="no struct", data=bad, time=1.5)
    connection = open_for_writing(path, BASES, synchronous="off")
    try:
        drop_older(connection, path=path, tenant=TENANT, room="a/2", than=7)
        while purge(connection, path=path):
            pass
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def content(path: Path) -> dict[str, Found]:
    """What a server that starts on the file would find in each room."""
    open_for_writing(path, BASES, synchronous="off").close()
    with reading_bases(path) as reader:
        return {room: read(reader, room) for room in ROOMS}


def sound(path: Path) -> dict[str, Content]:
    found = content(path)
    return {room: kept for room, kept in found.items() if isinstance(kept, tuple)}


def content_or_error(path: Path) -> dict[str, Found]:
    try:
        return content(path)
    except StorageError as error:
        return {ROOMS[0]: error}


def read(reader: BasesReader, room: str) -> Found:
    try:
        base = reader.newest(TENANT, room)
        entries = reader.quarantined(TENANT, room, 0, 9)
        kept = [reader.quarantined_data(entry) for entry in entries]
        if base is None:
            return (None, entries, kept)
        return (base, reader.table(base), reader.chunk(base, 0), entries, kept)
    except StorageError as error:
        return error


@pytest.mark.slow
def test_no_flipped_byte_goes_unnoticed(tmp_path: Path) -> None:
    path, copy = tmp_path / "bases.db", tmp_path / "copy.db"
    build(path)
    expected, whole = sound(path), path.read_bytes()
    chance, noticed = random.Random(5), 0
    for position in positions(whole, chance):
        flipped = bytearray(whole)
        flipped[position] ^= chance.choice([1 << chance.randrange(8), chance.randrange(1, 256)])
        copy.write_bytes(flipped)
        for room, found in content_or_error(copy).items():
            if isinstance(found, StorageError):
                # Else the server would ask for the newest again, and get the same, for ever.
                assert not isinstance(found, GoneError), f"byte {position} of {room}"
                assert str(copy) in str(found)
                noticed += 1
            elif found != expected[room]:
                assert found[:-2] == expected[room][:-2], f"byte {position} changed {room!r} unnoticed"
                # An entry of the quarantine may be missing from the list of its room, but not in secret.
                assert verify(copy) != [], f"byte {position} changed the quarantine unnoticed"
    assert noticed > 1000


def verify(path: Path) -> list[Damage]:
    connection = open_for_reading(path, BASES)
    try:
        return verify_bases(connection, where=str(path))
    finally:
        connection.close()


def positions(whole: bytes, chance: random.Random) -> list[int]:
    """Every byte near the beginning of a page and of each run of content, and some of all others."""
    pages = range(0, len(whole), BASES.page_bytes)
    heads = {page + offset for page in pages for offset in range(64)}
    used = {position for position in range(len(whole)) if whole[position]}
    others = set(chance.sample(sorted(used - heads), 4000)) | set(chance.sample(range(len(whole)), 500))
    return sorted(heads | others)
