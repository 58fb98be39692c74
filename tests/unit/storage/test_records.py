"""Keys and records."""

from __future__ import annotations

import pytest
from collab_storage import Damage, Record, RecordKind, StreamKey, UnreadableError
from collab_storage.records import check_key, check_room


def test_a_record_knows_its_key_and_size() -> None:
    record = Record("t", "r", "doc", 0, RecordKind.DELTA, b"abc", b"[]", 1.0)
    assert record.key == StreamKey("t", "r", "doc")
    assert record.size_bytes == 5


def test_the_numbers_of_the_kinds_are_those_on_disk() -> None:
    assert {kind.name: int(kind) for kind in RecordKind} == {"DELTA": 1, "HELD": 2, "EVENT": 3}


@pytest.mark.parametrize("name", ["", "\0", "a\0", "\ud800", "a\udfff"])
@pytest.mark.parametrize("position", range(3))
def test_names_that_cannot_be_kept_are_refused(name: str, position: int) -> None:
    names = ["t", "r", "s"]
    names[position] = name
    with pytest.raises(ValueError, match=("tenant", "room", "stream")[position]):
        check_key(StreamKey(*names))


def test_other_names_are_fine() -> None:
    check_key(StreamKey("t", "../\n\x01 \U0001f600", "doc.held"))


def test_a_room_without_a_stream_is_checked_too() -> None:
    check_room("t", "r")
    for tenant, room in (("", "r"), ("t", "\0"), ("t", "\ud800")):
        with pytest.raises(ValueError):
            check_room(tenant, room)


def test_a_damage_says_what_its_error_says() -> None:
    error = UnreadableError("bad", where="file", tenant="t", room="r", stream="doc", offset=3)
    assert Damage.of(error) == Damage("bad", "file", "t", "r", "doc", 3)
