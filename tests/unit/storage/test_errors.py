"""What the errors say."""

from __future__ import annotations

import pytest
from collab_storage import (
    ConflictError,
    ForeignFileError,
    GoneError,
    LockedError,
    NewerFormatError,
    Record,
    RecordKind,
    StorageError,
    UnavailableError,
    UnreadableError,
)


@pytest.mark.parametrize(
    "kind",
    [
        ConflictError,
        ForeignFileError,
        GoneError,
        LockedError,
        NewerFormatError,
        UnavailableError,
        UnreadableError,
    ],
)
def test_there_is_one_tree(kind: type[Exception]) -> None:
    assert kind.__mro__[1] is StorageError


def test_damage_names_room_and_file() -> None:
    error = UnreadableError("bad", where="/d/journal.db", tenant="t", room="r", stream="doc", offset=3)
    assert str(error) == "/d/journal.db: room 'r' of tenant 't', stream 'doc', offset 3: bad"
    assert str(UnreadableError("bad", where="/d/journal.db")) == "/d/journal.db: bad"
    base = UnreadableError("bad", where="/d/bases.db", tenant="t", room="r", offset=3)
    assert str(base) == "/d/bases.db: room 'r' of tenant 't', offset 3: bad"


def test_what_is_gone_names_room_and_file() -> None:
    error = GoneError("base 7", where="/d/bases.db", tenant="t", room="r")
    assert str(error) == "/d/bases.db: room 'r' of tenant 't': base 7 was dropped meanwhile"
    assert (error.where, error.tenant, error.room) == ("/d/bases.db", "t", "r")


def test_a_conflict_names_its_record() -> None:
    error = ConflictError.of(Record("t", "r", "doc", 5, RecordKind.DELTA, b"secret", b"[]", 0.0))
    assert str(error) == "room 'r' of tenant 't', stream 'doc': offset 5 is taken or passed by something else"
    assert (error.tenant, error.room, error.stream, error.offset) == ("t", "r", "doc", 5)


def test_a_newer_format_says_what_to_do() -> None:
    text = str(NewerFormatError(where="/d/journal.db", found=9, known=1))
    assert text.startswith("/d/journal.db has format 9, this version knows formats up to 1: start the newer")


def test_a_lock_names_its_holder() -> None:
    assert str(LockedError(path="/d", holder="process 7")) == "/d is in use by another server: process 7"
