"""When a mark may be answered."""

from collab_server.protocol import messages
from collab_server.rooms.member import Member
from collab_server.runtime.marks import MAX_WAITING, Marks, room_channel_mark, sync_status_mark
from collab_server.types import Identity


def complete_member() -> Member:
    member = Member("s", Identity("default", "u", "n", frozenset()))
    member.answered()
    return member


def test_a_mark_is_answered_when_its_version_is_saved() -> None:
    marks, member = Marks(), complete_member()
    marks.add(room_channel_mark(1))
    assert marks.answers(member, next_version=3, saved_version=2) == []
    assert marks.answers(member, next_version=9, saved_version=2) == [], "later edits do not matter"
    assert len(marks.answers(member, next_version=9, saved_version=3)) == 1
    assert len(marks) == 0


def test_answers_keep_their_order() -> None:
    marks, member = Marks(), complete_member()
    marks.add(sync_status_mark(b"a"))
    assert marks.answers(member, next_version=5, saved_version=4) == []
    marks.add(sync_status_mark(b"b"))
    expected = [messages.encode_sync_status(b"a"), messages.encode_sync_status(b"b")]
    assert marks.answers(member, next_version=5, saved_version=5) == expected


def test_nothing_is_saved_while_something_is_missing() -> None:
    for missing in ("asked", "held", "dropped"):
        marks, member = Marks(), complete_member()
        setattr(member, missing, 1)
        marks.add(room_channel_mark(1))
        assert marks.answers(member, next_version=1, saved_version=1) == []
        setattr(member, missing, 0)
        assert len(marks.answers(member, next_version=1, saved_version=1)) == 1


def test_after_a_refusal_a_mark_is_declined_and_a_sync_status_stays_silent() -> None:
    marks, member = Marks(), complete_member()
    member.refused = True
    marks.add(sync_status_mark(b"a"))
    marks.add(room_channel_mark(7))
    (answer,) = marks.answers(member, next_version=1, saved_version=1)
    assert b'"nack"' in answer
    assert b'"mark":7' in answer
    assert len(marks) == 0


def test_marks_are_bounded() -> None:
    marks = Marks()
    for number in range(MAX_WAITING):
        assert not marks.full
        marks.add(room_channel_mark(number))
    assert marks.full
    marks.clear()
    assert len(marks) == 0
