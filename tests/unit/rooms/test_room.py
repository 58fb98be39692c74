"""A room against replicas made by pycrdt: what it takes, holds, sends, and takes back from its journal."""

from __future__ import annotations

from itertools import permutations

import pytest
from pycrdt import Doc, Text

from collab_server.errors import InvalidUpdate
from collab_server.rooms.held import HeldPart, HeldParts
from collab_server.rooms.limits import RoomLimits
from collab_server.rooms.member import Member
from collab_server.rooms.outcomes import Delta
from collab_server.rooms.room import Room
from collab_server.types import Identity
from collab_server.updates import decode_state_vector, scan
from collab_server.updates.compaction import compact
from tests.support import update_bytes
from tests.support.update_bytes import one, string


class Replica:
    """A document that keeps each of its own updates."""

    def __init__(self, client: int) -> None:
        self.doc: Doc = Doc(client_id=client)
        self.text = self.doc.get("t", type=Text)
        self.updates: list[bytes] = []
        self._subscription = self.doc.observe(lambda event: self.updates.append(event.update))

    def write(self, text: str) -> bytes:
        self.text += text
        return self.updates[-1]

    def erase(self, start: int, end: int) -> bytes:
        del self.text[start:end]
        return self.updates[-1]


def member(name: str) -> Member:
    return Member(name, Identity("default", f"u_{name}", name, frozenset()))


def receive(room: Room, who: Member, update: bytes, now: float = 0.0):
    return room.receive(who, scan(update), size_bytes=len(update), now=now)


def flush(room: Room) -> Delta:
    delta = room.flush()
    assert delta is not None
    return delta


def text_of(room: Room) -> str:
    doc: Doc = Doc()
    text = doc.get("t", type=Text)
    doc.apply_update(b"".join(room.step_2({})))
    return str(text)


def test_what_is_new_goes_out_once_and_belongs_to_its_author() -> None:
    room, ann = Room(RoomLimits()), member("ann")
    update = Replica(1).write("hello")
    assert receive(room, ann, update, 3.0).changed
    assert not receive(room, ann, update).changed
    delta = flush(room)
    assert (delta.version, delta.sole_author, delta.since) == (1, ann, 3.0)
    assert delta.authors == {"u_ann": {1}}
    assert room.flush() is None
    assert text_of(room) == "hello"


def test_a_delta_of_two_sessions_has_no_sole_author() -> None:
    room, ann, ben = Room(RoomLimits()), member("ann"), member("ben")
    receive(room, ann, Replica(1).write("a"))
    receive(room, ben, Replica(2).write("b"))
    delta = flush(room)
    assert delta.sole_author is None
    assert delta.authors == {"u_ann": {1}, "u_ben": {2}}
    assert len(text_of(room)) == 2


def test_a_resent_history_causes_no_delta() -> None:
    room, ann, replica = Room(RoomLimits()), member("ann"), Replica(1)
    replica.write("hello")
    replica.erase(0, 2)
    history = replica.doc.get_update()
    receive(room, ann, history)
    flush(room)
    assert not receive(room, member("ben"), history).changed
    assert not room.has_pending


def test_what_is_ahead_waits_and_its_sender_is_asked_once_for_each_gap() -> None:
    room, ann, replica = Room(RoomLimits()), member("ann"), Replica(1)
    ann.answered()
    first, second, third = replica.write("a"), replica.write("b"), replica.write("c")
    outcome = receive(room, ann, second)
    assert (outcome.changed, outcome.held, list(outcome.ask)) == (False, True, [ann])
    assert ann.held
    assert not ann.complete
    assert not receive(room, ann, third).ask, "a question is open"
    ann.answered()
    assert not receive(room, ann, third).ask, "the same gap was asked for"
    rows, gone = room.take_held_rows()
    assert rows
    assert not gone
    assert receive(room, ann, first).changed
    assert ann.held == 0
    assert text_of(room) == ""
    flush(room)
    assert text_of(room) == "abc"
    rows, gone = room.take_held_rows()
    assert not rows
    assert gone


def test_what_waits_survives_a_restart_and_goes_when_complete() -> None:
    room, ann, replica = Room(RoomLimits()), member("ann"), Replica(1)
    first, second = replica.write("a"), replica.write("b")
    receive(room, ann, second)
    (row,), _ = room.take_held_rows()
    again = Room(RoomLimits(), held_head=row.offset)
    again.restore_held(row.offset, scan(row.update), user="u_ann", size_bytes=9, now=0.0, expires_at=600.0)
    assert not again.has_pending
    ben = member("ben")
    receive(again, ben, first)
    delta = flush(again)
    assert delta.authors == {"u_ann": {1}, "u_ben": {1}}
    assert text_of(again) == "ab"
    receive(again, ben, replica.write("c") and replica.write("d"))
    (new_row,), gone = again.take_held_rows()
    assert new_row.offset > row.offset
    assert gone == [row.offset]


def test_a_waiting_part_that_became_known_meanwhile_leaves_when_it_is_restored() -> None:
    room, replica = Room(RoomLimits()), Replica(1)
    first, second = replica.write("a"), replica.write("b")
    assert room.restore_delta(1, scan(first))
    assert room.restore_delta(2, scan(second))
    room.restore_held(1, scan(second), user="u", size_bytes=9, now=0.0, expires_at=9.0)
    assert not room.has_pending
    assert room.take_held_rows() == ([], [1])


def test_waiting_parts_expire_after_their_session_has_left() -> None:
    room, ann, replica = Room(RoomLimits(held_seconds=600.0)), member("ann"), Replica(1)
    replica.write("a")
    receive(room, ann, replica.write("b"))
    room.take_held_rows()
    room.expire(10_000.0)
    assert ann.held, "while the session lives its parts stay"
    room.leave(ann, 10_000.0)
    room.expire(10_599.0)
    assert room.memory.held
    room.expire(10_600.0)
    assert room.memory.total == 0
    assert room.take_held_rows() == ([], [1])


def test_too_much_waiting_is_dropped_and_not_forgotten() -> None:
    room, ann, replica = Room(RoomLimits(held_bytes=10)), member("ann"), Replica(1)
    ann.answered()
    replica.write("a")
    outcome = receive(room, ann, replica.write("b" * 50))
    assert (outcome.held, outcome.dropped, list(outcome.ask)) == (False, 1, [ann])
    assert not ann.complete
    ann.answered()
    assert ann.complete
    assert receive(room, ann, replica.doc.get_update()).changed, "others go on, and so does it"


def test_deletions_of_what_is_unknown_are_dropped_and_asked_for() -> None:
    room, ann, replica = Room(RoomLimits()), member("ann"), Replica(1)
    ann.answered()
    first, second = replica.write("ab"), replica.write("cd")
    erased = replica.erase(1, 3)
    receive(room, ann, first)
    outcome = receive(room, ann, erased)
    assert (outcome.changed, list(outcome.ask)) == (True, [ann])
    assert ann.dropped
    ann.answered()
    receive(room, ann, replica.doc.get_update())
    assert ann.complete
    flush(room)
    assert text_of(room) == "ad"
    assert not receive(room, ann, second).changed


def test_dropped_deletions_are_asked_for_again_once_what_they_name_has_come() -> None:
    """Story: the answer to the first question came before the text it deletes, which another replica had."""
    room, ann, ben, replica = Room(RoomLimits()), member("ann"), member("ben"), Replica(1)
    text, other = replica.write("abcd"), Replica(2)
    erased = replica.erase(1, 3)
    ann.answered()
    assert list(receive(room, ann, erased).ask) == [ann]
    ann.answered()
    assert list(receive(room, ann, erased).ask) == [], "the same gap was asked for"
    assert list(receive(room, ben, other.write("x")).ask) == [], "this is not what they name"
    assert list(receive(room, ben, text).ask) == [ann]
    assert list(receive(room, ben, other.write("y")).ask) == [], "a question is open"
    ann.answered()
    receive(room, ann, erased)
    assert ann.complete
    flush(room)
    assert sorted(text_of(room)) == sorted("adxy")


def test_what_waits_is_tried_again_only_when_its_clock_has_come() -> None:
    """Story: a client's every edit tried everything again that waited for its far later clocks."""
    held = HeldParts(1000, head=0)
    part = HeldPart(1, "u", None, (), 0, {1: 6, 2: 3}, 0)
    held.add(part)
    assert list(held.waiting_for({1}, {1: 5, 2: 3})) == []
    assert list(held.waiting_for({1, 2}, {1: 5, 2: 3})) == [part]
    assert list(held.waiting_for({1}, {1: 6})) == [part]


def test_what_waits_counts_with_what_it_takes_in_memory() -> None:
    room, ann, replica = Room(RoomLimits(held_bytes=1000)), member("ann"), Replica(1)
    ann.answered()
    replica.write("a")
    outcomes = [receive(room, ann, replica.write("b")) for _ in range(10)]
    assert [bool(outcome.dropped) for outcome in outcomes] == [False] * 4 + [True] * 6


def test_deletions_count_in_the_size_of_the_document() -> None:
    room, ann, replica = Room(RoomLimits(document_bytes=2000)), member("ann"), Replica(1)
    receive(room, ann, replica.write("a" * 1000))
    flush(room)
    before = room.document_bytes
    for _ in range(100):
        receive(room, ann, replica.erase(0, 1))
    assert room.document_bytes == before + 8, "one range"
    for at in range(100):
        receive(room, ann, replica.erase(at, at + 1))
    assert room.document_bytes >= before + 800
    with pytest.raises(InvalidUpdate, match="2000"):
        receive(room, ann, replica.write("b" * 300))


def test_a_step_2_that_nobody_asked_for_answers_nothing() -> None:
    ann = member("ann")
    ann.answered()
    ann.refused = True
    ann.answered()
    assert not ann.complete


def test_a_document_grows_to_its_limit_and_no_further() -> None:
    room, ann, replica = Room(RoomLimits(document_bytes=1000)), member("ann"), Replica(1)
    receive(room, ann, replica.write("a" * 900))
    flush(room)
    with pytest.raises(InvalidUpdate, match="1000"):
        receive(room, ann, replica.write("b" * 900))
    assert not room.has_pending


def test_a_journal_with_a_hole_is_noticed() -> None:
    room, replica = Room(RoomLimits()), Replica(1)
    replica.write("a")
    assert not room.restore_delta(2, scan(replica.write("b")))


def test_versions_and_saved_versions() -> None:
    room, ann, replica = Room(RoomLimits()), member("ann"), Replica(1)
    for text in "ab":
        receive(room, ann, replica.write(text))
        flush(room)
    assert (room.version, room.saved_version) == (2, 0)
    room.saved(2)
    room.saved(1)
    assert room.saved_version == 2


def test_every_order_of_updates_with_a_restart_between_ends_equal() -> None:
    replica = Replica(1)
    updates = [replica.write("ab"), replica.write("cd"), replica.erase(1, 3), replica.write("ef")]
    whole = replica.doc.get_update()
    for order in permutations(updates):
        for cut in range(5):
            room, deltas, held = Room(RoomLimits()), [], {}
            ann = member("ann")
            for update in order[:cut]:
                receive(room, ann, update)
                collect(room, deltas, held)
            room = restarted(deltas, held)
            for update in order[cut:]:
                receive(room, ann, update)
                collect(room, deltas, held)
            # What was dropped is in the answer to the question that follows.
            receive(room, ann, whole)
            collect(room, deltas, held)
            assert text_of(room) == "adef"
            assert text_of(restarted(deltas, held)) == "adef"
            assert decode_state_vector(room.step_1()) == {1: 6}


def collect(room: Room, deltas: list[bytes], held: dict[int, bytes]) -> None:
    delta = room.flush()
    if delta is not None:
        deltas.append(delta.update)
    rows, gone = room.take_held_rows()
    held.update({row.offset: row.update for row in rows})
    for offset in gone:
        held.pop(offset)


def restarted(deltas: list[bytes], held: dict[int, bytes]) -> Room:
    room = Room(RoomLimits(), held_head=100)
    for offset, update in enumerate(deltas, start=1):
        assert room.restore_delta(offset, scan(update))
    for offset, update in held.items():
        room.restore_held(offset, scan(update), user="u", size_bytes=len(update), now=0.0, expires_at=9.0)
    return room


def test_the_flushed_state_leaves_out_what_is_pending() -> None:
    room, ann, replica = Room(RoomLimits()), member("ann"), Replica(1)
    receive(room, ann, replica.write("ab"))
    flush(room)
    receive(room, ann, replica.write("c"))
    receive(room, ann, replica.write("d"))
    assert room.flushed_state() == {1: 2}
    flush(room)
    assert room.flushed_state() == {1: 4}


def test_a_room_that_rests_is_the_same_room() -> None:
    """Base, tail, deletions and clients in each: whoever asks first wakes it."""

    def filled(*, rests: bool) -> Room:
        log = [one(string("abc"), client=5), one(string("de"), client=9)]
        room = Room(RoomLimits(), base=compact(log).head, version=2)
        ann = member("ann")
        receive(room, ann, one(string("f", (5, 2)), client=5, clock=3))
        receive(room, ann, one(string("new"), client=700))
        receive(room, ann, update_bytes.update(deletes={5: [(1, 1)], 9: [(0, 2)]}))
        room.flush()
        if rests:
            room.rest()
            assert room.resting
        return room

    questions = [
        lambda room: room.step_1(),
        lambda room: b"".join(room.step_2({5: 3, 9: 2})),
        lambda room: (room.needs_base({5: 3, 9: 1}), room.needs_base({5: 3, 9: 2})),
        lambda room: receive(room, member("ben"), one(string("g", (9, 1)), client=9, clock=2)).changed,
        lambda room: receive(room, member("ben"), one(string("?", (8, 1)), client=9, clock=2)).held,
        lambda room: room.flushed_state(),
        lambda room: (room.snapshot().index.state, sorted(room.snapshot().index.deletes)),
    ]
    for question in questions:
        assert question(filled(rests=True)) == question(filled(rests=False))
    room = filled(rests=True)
    assert room.document_bytes == filled(rests=False).document_bytes
    room.expire(100.0)
    assert room.resting, "what is due all the time does not wake it"
    for question in questions:
        question(room)


def test_a_room_with_something_under_way_does_not_rest() -> None:
    room, ann = Room(RoomLimits()), member("ann")
    receive(room, ann, one(string("a")))
    room.rest()
    assert not room.resting, "pending"
    room.flush()
    receive(room, ann, one(string("c", (1, 1)), clock=2))
    room.rest()
    assert not room.resting, "held"


def test_the_ranges_that_a_joiner_needs_are_prepared_in_parts_and_kept_while_joiners_come() -> None:
    """Story: given back every 5 s, they were encoded anew for each joiner, a third of a second for 50 MB."""
    room = Room(RoomLimits())
    deletes = room._index.deletes
    for client in range(10):
        deletes.add_many(client, [(clock, clock + 1) for clock in range(0, 1000, 2)])
    assert not room.prepare_step_2()
    while not room.prepare_step_2():
        pass
    room.step_2({})
    room.expire(0.0)
    assert room.prepare_step_2(), "kept until the room rests"


def test_content_that_the_server_deletes_goes_to_everybody_and_is_nobodys() -> None:
    room, ann = Room(RoomLimits()), Replica(1)
    receive(room, member("ann"), ann.write("hello"))
    flush(room)
    room.delete([(1, 1, 3)], now=0.0)
    delta = flush(room)
    assert (delta.sole_author, delta.authors) == (None, {})
    ann.doc.apply_update(delta.update)
    assert str(ann.text) == text_of(room) == "hlo"
    room.delete([(1, 1, 3)], now=0.0)
    assert room.flush() is None, "known"
