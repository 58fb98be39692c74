"""Structs without their content: clocks, places and everybody else's edits stay."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collab_server.errors import InvalidUpdate
from collab_server.updates import STORED_LIMITS, encode_update, scan
from collab_server.updates.compaction import compact
from collab_server.updates.compaction.hollow import content_of, hollow, hull
from tests.support.update_bytes import DELETED, TYPE, gc, item, one, section, string, uint, update
from tests.unit.updates.histories import STEPS, Step, content, make, whole


def test_content_becomes_a_tombstone_under_the_same_head() -> None:
    given = update(section(9, 4, string("abc", (1, 2)), gc(2), string("d")), deletes={9: [(4, 1)]})
    assert content_of(given) == [(9, 4, 7), (9, 9, 10)]
    tombstone = item(DELETED, uint(3), origin=(1, 2))
    wanted = update(section(9, 4, tombstone, gc(2), string("d")), deletes={9: [(4, 1)]})
    assert hollow(given, lambda clocks: clocks == (9, 4, 7)) == wanted


def test_the_key_in_a_map_stays() -> None:
    assert hollow(one(item(TYPE, uint(1), key="m")), lambda _: True) == one(item(DELETED, uint(1), key="m"))


def test_of_a_hull_the_types_are_left() -> None:
    a_type = item(TYPE, uint(1), key="m")
    assert hull(update(section(1, 0, a_type, string("xy")))) == update(
        section(1, 0, a_type, item(DELETED, uint(2)))
    )


@pytest.mark.parametrize("damaged", [b"", one(string("abc"))[:4], one(item(9, b""))])
def test_what_is_no_update_is_refused(damaged: bytes) -> None:
    with pytest.raises(InvalidUpdate):
        hollow(damaged, lambda _: True)


@given(steps=STEPS, chosen=st.integers(0, 1 << 20))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_without_the_content_of_any_struct_all_else_survives(steps: list[Step], chosen: int) -> None:
    """What it leaves is what deleting that struct leaves, as the room and its clients do at the same time."""
    sent = make(steps).sent
    places = [(at, clocks) for at, data in enumerate(sent) for clocks in content_of(data)]
    if not places:
        return
    at, unusable = places[chosen % len(places)]
    deletion = encode_update([], [unusable])
    rest = [*sent[:at], hollow(sent[at], lambda clocks: clocks == unusable), *sent[at + 1 :]]
    made = compact([*rest, deletion])
    scan(made.data, STORED_LIMITS)
    assert made.head.state == compact(sent).head.state
    assert made.data == compact([*sent, deletion]).data
    assert content(whole([made.data])) == content(whole([*sent, deletion]))
