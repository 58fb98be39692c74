"""Presence in a room: newest entries, leavers, owners, echoes."""

from __future__ import annotations

import pytest

from collab_server.errors import BadMessage
from collab_server.protocol.awareness import LEFT, AwarenessEntry, decode_entries, encode_entries
from collab_server.rooms.awareness import RoomAwareness
from collab_server.rooms.limits import RoomLimits
from collab_server.rooms.member import Member
from collab_server.types import Identity

STATE = b'{"user":{"name":"Mira"}}'


def member(name: str) -> Member:
    return Member(name, Identity("default", name, name, frozenset()))


def entry(client: int, clock: int = 1, state: bytes = STATE) -> AwarenessEntry:
    return AwarenessEntry(client, clock, state)


def frame(*entries: AwarenessEntry) -> bytes:
    return encode_entries(entries)


def entries_of(data: bytes | None) -> list[AwarenessEntry]:
    assert data is not None
    return decode_entries(data, max_entries=1000, max_state_bytes=10_000)


def test_the_newest_entry_of_each_client_goes_out_in_one_frame() -> None:
    room, ann, ben = RoomAwareness(RoomLimits()), member("ann"), member("ben")
    assert room.receive(ann, frame(entry(1, 1)), 0.0).changed
    assert room.receive(ben, frame(entry(2, 5)), 0.0).changed
    assert room.receive(ann, frame(entry(1, 2, b"{}")), 0.0).changed
    assert entries_of(room.flush()) == [entry(2, 5), entry(1, 2, b"{}")]
    assert room.flush() is None
    assert entries_of(room.snapshot()) == [entry(1, 2, b"{}"), entry(2, 5)]


@pytest.mark.parametrize("clock", [0, 4, 5])
def test_older_and_equal_clocks_change_nothing(clock: int) -> None:
    room, ann = RoomAwareness(RoomLimits()), member("ann")
    room.receive(ann, frame(entry(1, 5)), 0.0)
    room.flush()
    assert not room.receive(ann, frame(entry(1, clock, b"{}")), 0.0).changed


def test_null_at_the_same_clock_is_newer_and_urgent() -> None:
    room, ann = RoomAwareness(RoomLimits()), member("ann")
    room.receive(ann, frame(entry(1, 5)), 0.0)
    room.flush()
    assert not room.urgent
    assert room.receive(ann, frame(entry(1, 5, LEFT)), 0.0).changed
    assert room.urgent
    assert entries_of(room.flush()) == [entry(1, 5, LEFT)]
    assert not room.urgent
    assert room.snapshot() is None


def test_null_for_somebody_unknown_is_not_kept() -> None:
    room, ann = RoomAwareness(RoomLimits()), member("ann")
    assert not room.receive(ann, frame(*(entry(n, 1, LEFT) for n in range(50))), 0.0).changed
    assert len(room) == 0


def test_a_leaver_takes_its_clients_with_it() -> None:
    room, ann, ben = RoomAwareness(RoomLimits()), member("ann"), member("ben")
    room.receive(ann, frame(entry(1)), 0.0)
    room.receive(ben, frame(entry(2)), 0.0)
    room.flush()
    room.leave(ann, 1.0)
    assert entries_of(room.flush()) == [entry(1, 1, LEFT)]
    assert entries_of(room.snapshot()) == [entry(2)]


def test_who_returns_with_an_old_clock_is_sent_its_tombstone() -> None:
    room, ann = RoomAwareness(RoomLimits(awareness_tombstone_seconds=60.0)), member("ann")
    room.receive(ann, frame(entry(1, 3)), 0.0)
    room.leave(ann, 1.0)
    room.flush()
    again = member("ann2")
    outcome = room.receive(again, frame(entry(1, 3)), 2.0)
    assert not outcome.changed
    assert entries_of(outcome.reply) == [entry(1, 3, LEFT)]
    assert room.receive(again, frame(entry(1, 4)), 2.0).changed
    room.leave(again, 3.0)
    room.flush()
    room.expire(64.0)
    assert room.receive(again, frame(entry(1, 1)), 64.0).changed, "the tombstone is gone"


def test_a_client_stays_with_the_session_that_declared_it() -> None:
    room, ann, tab = RoomAwareness(RoomLimits()), member("ann"), member("tab")
    room.receive(ann, frame(entry(1, 1)), 0.0)
    room.receive(tab, frame(entry(2, 1)), 0.0)
    assert room.receive(tab, frame(entry(1, 2), entry(2, 2)), 0.0).changed
    room.leave(tab, 1.0)
    assert entries_of(room.snapshot()) == [entry(1, 2)]
    room.leave(ann, 1.0)
    assert room.snapshot() is None


def test_a_client_nobody_declared_goes_with_the_last_who_spoke_for_it() -> None:
    room, ann, tab = RoomAwareness(RoomLimits()), member("ann"), member("tab")
    room.receive(tab, frame(entry(1, 1), entry(2, 1)), 0.0)
    room.receive(ann, frame(entry(1, 2)), 0.0)
    room.leave(tab, 1.0)
    assert entries_of(room.snapshot()) == [entry(1, 2)]


def test_the_silent_leave_the_snapshot() -> None:
    room, ann = RoomAwareness(RoomLimits(awareness_expiry_seconds=45.0)), member("ann")
    room.receive(ann, frame(entry(1)), 0.0)
    room.flush()
    room.expire(44.0)
    assert room.snapshot()
    room.expire(45.0)
    assert room.snapshot() is None
    assert entries_of(room.flush()) == [entry(1, 1, LEFT)]


def test_a_renewal_is_relayed() -> None:
    room, ann = RoomAwareness(RoomLimits()), member("ann")
    room.receive(ann, frame(entry(1, 1)), 0.0)
    room.flush()
    assert room.receive(ann, frame(entry(1, 2)), 15.0).changed
    room.expire(46.0)
    assert room.snapshot()


def test_echoes_of_stock_clients_are_recognised_unparsed() -> None:
    room = RoomAwareness(RoomLimits())
    members = [member(str(n)) for n in range(5)]
    for n, one in enumerate(members):
        room.receive(one, frame(entry(n)), 0.0)
    sent = entries_of(room.flush())
    for n, one in enumerate(members):
        echo = frame(*(other for other in sent if other.client != n))
        assert room.receive(one, echo, 0.0).echo
    other = member("other")
    other.declared = 77
    assert room.receive(other, frame(*sent), 0.0).echo, "one whose own entry was not in it"
    changed = [entry(0, 2) if other.client == 0 else other for other in sent]
    outcome = room.receive(members[1], frame(*(other for other in changed if other.client != 1)), 0.0)
    assert outcome.changed
    assert not outcome.echo


def test_who_stands_first_in_a_broadcast_is_recognised_too() -> None:
    """Story: frames of a class are all equally long, and before the first entry there is nothing to compare;
    the oldest broadcast was taken for the one meant, and every echo of that client was read in full."""
    room = RoomAwareness(RoomLimits())
    members = [member(str(n)) for n in range(3)]
    for clock in range(4):
        for n, one in enumerate(members):
            room.receive(one, frame(entry(n, clock)), 0.0)
        sent = entries_of(room.flush())
        for n, one in enumerate(members):
            assert room.receive(one, frame(*(other for other in sent if other.client != n)), 0.0).echo


def test_who_comes_back_saying_what_was_broadcast_is_no_echo() -> None:
    """Story: y-websocket 3.1 leaves and returns with the same clock, in the very bytes we had sent."""
    room, ann = RoomAwareness(RoomLimits()), member("ann")
    room.receive(ann, frame(entry(1, 1)), 0.0)
    room.flush()
    room.receive(ann, frame(entry(1, 1, LEFT)), 0.0)
    room.flush()
    again = member("again")
    outcome = room.receive(again, frame(entry(1, 1)), 1.0)
    assert entries_of(outcome.reply) == [entry(1, 1, LEFT)]


def test_only_the_last_four_broadcasts_are_remembered() -> None:
    room, ann, ben = RoomAwareness(RoomLimits()), member("ann"), member("ben")
    room.receive(ann, frame(entry(1, 1)), 0.0)
    first = room.flush()
    assert first is not None
    ben.declared = 2
    for clock in range(2, 6):
        assert room.receive(ben, first, 0.0).echo
        room.receive(ann, frame(entry(1, clock)), 0.0)
        room.flush()
    outcome = room.receive(ben, first, 0.0)
    assert not outcome.echo
    assert not outcome.changed


def test_a_frame_is_taken_whole_or_not_at_all() -> None:
    room, ann = RoomAwareness(RoomLimits()), member("ann")
    with pytest.raises(BadMessage):
        room.receive(ann, frame(entry(1), entry(2, 1, b"[]")), 0.0)
    assert len(room) == 0
    assert not room.has_pending


def test_a_session_announces_a_bounded_number_of_clients() -> None:
    room, ann = RoomAwareness(RoomLimits(awareness_clients_per_member=3)), member("ann")
    with pytest.raises(BadMessage, match="more than 3"):
        room.receive(ann, frame(*(entry(n) for n in range(4))), 0.0)
    room.receive(ann, frame(*(entry(n) for n in range(3))), 0.0)
    with pytest.raises(BadMessage):
        room.receive(ann, frame(entry(8), entry(9)), 0.0)
    with pytest.raises(BadMessage):
        room.receive(ann, frame(entry(8)), 0.0)


def test_a_frame_larger_than_anything_that_was_sent_is_refused() -> None:
    room, ann = RoomAwareness(RoomLimits(awareness_state_bytes=100)), member("ann")
    with pytest.raises(BadMessage, match="more than was ever sent"):
        room.receive(ann, b"\x7f" * 500, 0.0)


# --- hostile frames ---


def test_nobody_is_pushed_to_a_clock_that_would_throw_them_out() -> None:
    """Story: a stranger removed a client at clock 2^53-1, and its own next frame was no number any more."""
    room, ann, eve = RoomAwareness(RoomLimits()), member("ann"), member("eve")
    room.receive(ann, encode_entries([AwarenessEntry(1, 5, b"{}")]), 0.0)
    room.flush()
    for state in (LEFT, b'{"name":"fake"}'):
        assert not room.receive(eve, encode_entries([AwarenessEntry(1, (1 << 53) - 1, state)]), 0.0).changed
        assert not room.receive(eve, encode_entries([AwarenessEntry(1, 5_000, state)]), 0.0).changed
    assert not room.receive(ann, encode_entries([AwarenessEntry(1, (1 << 53) - 1, b"{}")]), 0.0).changed
    assert room.receive(ann, encode_entries([AwarenessEntry(1, 6, b"{}")]), 0.0).changed


def test_a_frame_has_no_more_clients_than_a_room_could_have_sent() -> None:
    room, eve = RoomAwareness(RoomLimits()), member("eve")
    entries = [AwarenessEntry(client, 1, LEFT) for client in range(129)]
    with pytest.raises(BadMessage, match="does not fit"):
        room.receive(eve, encode_entries(entries), 0.0)


def test_leavers_are_remembered_in_a_bounded_number() -> None:
    room, eve = RoomAwareness(RoomLimits()), member("eve")
    for first in range(0, 20_000, 50):
        clients = range(first, first + 50)
        room.receive(eve, encode_entries([AwarenessEntry(client, 1, b"{}") for client in clients]), 0.0)
        room.receive(eve, encode_entries([AwarenessEntry(client, 1, LEFT) for client in clients]), 0.0)
        room.flush()
    frame = room.catch_up()
    assert frame is not None
    left = decode_entries(frame, max_entries=20_000, max_state_bytes=100)
    assert [entry.client for entry in left] == list(range(10_000, 20_000))
    room.expire(100.0)
    assert room.catch_up() is None


def test_one_who_missed_frames_hears_who_left() -> None:
    room, ann, ben = RoomAwareness(RoomLimits()), member("ann"), member("ben")
    room.receive(ann, encode_entries([AwarenessEntry(1, 3, b"{}")]), 0.0)
    room.receive(ben, encode_entries([AwarenessEntry(2, 1, b"{}")]), 0.0)
    room.leave(ann, 1.0)
    assert room.catch_up() == encode_entries([AwarenessEntry(2, 1, b"{}"), AwarenessEntry(1, 3, LEFT)])
