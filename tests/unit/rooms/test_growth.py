"""Types that lie in each other: what is refused, what waits for an audit."""

from __future__ import annotations

import pytest

from collab_server.errors import InvalidUpdate
from collab_server.rooms.limits import RoomLimits
from collab_server.rooms.member import Member
from collab_server.rooms.outcomes import NeedsAudit
from collab_server.rooms.room import Room
from collab_server.types import Identity
from collab_server.updates import scan
from collab_server.updates.compaction import MAX_TYPE_DEPTH, compact
from tests.support.update_bytes import TYPE, item, one, section, string, uint, update

LIMITS = RoomLimits(unaudited_depth=50, document_depth=100)


def member() -> Member:
    return Member("s", Identity("default", "u", "", frozenset()))


def nested(clock: int) -> bytes:
    """A map in the map of the clock before."""
    parent = (1, clock - 1) if clock else None
    return one(item(TYPE, uint(1), parent=parent, key="m"), clock=clock)


def receive(room: Room, data: bytes) -> None:
    room.receive(member(), scan(data), size_bytes=len(data), now=0.0)


def audited(room: Room, log: list[bytes]) -> None:
    """As a compaction does it."""
    room.flush()
    snapshot = room.snapshot()
    room.rebase(compact(log).head, snapshot)


def test_few_types_need_no_audit() -> None:
    room = Room(LIMITS)
    for clock in range(50):
        receive(room, nested(clock))
    assert room.unaudited_depth == 50


def test_more_wait_and_nothing_has_changed() -> None:
    room = Room(LIMITS)
    for clock in range(50):
        receive(room, nested(clock))
    before = room.step_1()
    with pytest.raises(NeedsAudit):
        receive(room, nested(50))
    assert room.step_1() == before
    receive(room, one(string("text goes on"), client=2))


def test_after_the_audit_what_lies_too_deep_is_refused() -> None:
    room = Room(LIMITS)
    log = [nested(clock) for clock in range(50)]
    for one_map in log:
        receive(room, one_map)
    audited(room, log)
    assert room.unaudited_depth == 0
    with pytest.raises(InvalidUpdate, match="lies too deep"):
        receive(room, nested(50))
    beside = one(item(TYPE, uint(1), parent=(1, MAX_TYPE_DEPTH - 2), key="other"), clock=50)
    receive(room, beside)
    for one_map in log:
        receive(room, one_map)  # known ones are no fault of whoever sends them again


def test_flat_types_are_no_depth() -> None:
    room = Room(LIMITS)
    log = []
    for clock in range(150):
        update = one(item(TYPE, uint(1), key=f"k{clock}"), clock=clock)
        try:
            receive(room, update)
        except NeedsAudit:
            audited(room, log)
            receive(room, update)
        log.append(update)
    assert room.unaudited_depth == 50


def test_there_is_an_end_whatever_is_done_about_it() -> None:
    """Beside a child of a deep type the server cannot see that it is deep; the sum is bounded all the
    same.
    """
    room = Room(LIMITS)
    log = [nested(clock) for clock in range(50)]
    for one_map in log:
        receive(room, one_map)
    audited(room, log)
    first = one(item(TYPE, uint(1), origin=(1, 49)), clock=50)
    receive(room, first)
    for clock in range(51, 100):
        receive(room, nested(clock))
    with pytest.raises(InvalidUpdate, match="too many types"):
        receive(room, nested(100))
    assert room.unaudited_depth == 50


def test_one_large_update_into_an_audited_room_is_judged_by_its_own_depth() -> None:
    room = Room(RoomLimits(unaudited_depth=5, document_depth=100))
    flat = [item(TYPE, uint(1), key=f"k{n}") for n in range(300)]

    receive(room, update(section(1, 0, *flat)))
    assert room.unaudited_depth == 1


def test_a_room_that_is_opened_counts_its_tail() -> None:
    room = Room(LIMITS)
    for clock in range(20):
        room.restore_delta(clock + 1, scan(nested(clock)))
    assert room.unaudited_depth == 20


def chain(first: int, count: int) -> bytes:
    """So many maps, each in the one of the clock before."""
    maps = [
        item(TYPE, uint(1), parent=(1, clock - 1) if clock else None, key="m")
        for clock in range(first, first + count)
    ]
    return update(section(1, first, *maps))


def test_what_waits_counts_before_it_goes() -> None:
    """Story: somebody sends the end of a chain of types first, part by part. Nothing of it is in the document
    until its beginning comes, and then all of it is, without being asked again."""
    room = Room(LIMITS)
    for first in (40, 70):
        receive(room, chain(first, 30))
    assert room.unaudited_depth == 0
    with pytest.raises(InvalidUpdate, match="too many types"):
        receive(room, chain(100, 41))
    receive(room, chain(0, 40))
    assert room.unaudited_depth == 100
    with pytest.raises(InvalidUpdate, match="too many types"):
        receive(room, nested(100))


def test_what_waits_counts_after_a_restart_too() -> None:
    room = Room(LIMITS)
    late = chain(40, 60)
    room.restore_held(1, scan(late), user="u", size_bytes=len(late), now=0.0, expires_at=60.0)
    with pytest.raises(InvalidUpdate, match="too many types"):
        receive(room, chain(0, 41))
    receive(room, chain(0, 40))
    assert room.unaudited_depth == 100


def test_what_was_given_up_counts_no_more() -> None:
    room = Room(LIMITS)
    late = chain(40, 60)
    room.restore_held(1, scan(late), user="u", size_bytes=len(late), now=0.0, expires_at=60.0)
    room.expire(61.0)
    receive(room, chain(0, 90))
    assert room.unaudited_depth == 90


def test_what_waits_counts_in_the_size() -> None:
    room = Room(RoomLimits(document_bytes=1_000))
    receive(room, one(string("x" * 600), clock=5))
    with pytest.raises(InvalidUpdate, match="would grow over 1000 bytes"):
        receive(room, one(string("x" * 300), client=2))
