"""Deleted ranges against a plain set of clocks."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from collab_server.types import ClockRange
from collab_server.updates import DeletedRanges
from collab_server.updates.splice import encode_deletes
from tests.support.update_bytes import deletions

CLIENTS = (1, 9)
RANGES = st.tuples(st.integers(0, 60), st.integers(1, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))
STEPS = st.lists(st.tuples(st.sampled_from(CLIENTS), st.lists(RANGES, min_size=1, max_size=8)), max_size=12)


def _clocks(ranges: list[ClockRange]) -> set[tuple[int, int]]:
    return {(client, clock) for client, start, end in ranges for clock in range(start, end)}


@given(STEPS)
def test_what_is_new_and_what_is_there(steps: list[tuple[int, list[tuple[int, int]]]]) -> None:
    deleted = DeletedRanges()
    model: set[tuple[int, int]] = set()
    for client, ranges in steps:
        asked = {(client, clock) for start, end in ranges for clock in range(start, end)}
        new = deleted.add(client, *ranges[0]) if len(ranges) == 1 else deleted.add_many(client, ranges)
        assert _clocks(new) == asked - model
        assert len(new) == len(set(new))
        model |= asked
        found = list(deleted)
        assert _clocks(found) == model
        assert deleted.encode() == encode_deletes(found)
        assert len(deleted) == len(found)
        for client_id in CLIENTS:
            own = [(start, end) for owner, start, end in found if owner == client_id]
            assert all(before[1] < after[0] for before, after in pairwise(own))


def test_backspace_grows_one_range() -> None:
    deleted = DeletedRanges()
    for clock in range(99, 49, -1):
        assert deleted.add(1, clock, clock + 1) == [(1, clock, clock + 1)]
    for clock in range(100, 120):
        assert deleted.add(1, clock, clock + 1) == [(1, clock, clock + 1)]
    assert list(deleted) == [(1, 50, 120)]


def test_what_is_known_changes_nothing() -> None:
    deleted = DeletedRanges()
    deleted.add_many(1, [(3, 5), (9, 12)])
    assert deleted.add(1, 10, 12) == []
    assert deleted.add_many(1, [(3, 4), (9, 12), (4, 5)]) == []
    assert deleted.encode() == deletions({1: [(3, 2), (9, 3)]})


def test_a_copy_is_apart() -> None:
    deleted = DeletedRanges()
    deleted.add(1, 0, 5)
    other = deleted.copy()
    other.add(1, 5, 9)
    assert (list(deleted), list(other)) == ([(1, 0, 5)], [(1, 0, 9)])
    assert deleted.encode() != other.encode()


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 100_000), st.integers(1, 30_000)), min_size=1, max_size=4),
        max_size=12,
    )
)
def test_the_bytes_are_those_of_a_fresh_encoding(batches: list[list[tuple[int, int]]]) -> None:
    """Blocks that are kept, changed, merged into those before and swallowed by long deletions."""
    kept, model = DeletedRanges(), set()
    for batch in batches:
        ranges = [(start, start + length) for start, length in batch]
        if len(ranges) == 1:
            kept.add(1, *ranges[0])
        else:
            kept.add_many(1, ranges)
        for start, end in ranges:
            model.update(range(start, end))
        fresh = DeletedRanges()
        fresh.add_many(1, [(start, end) for _, start, end in kept])
        assert kept.encode() == fresh.encode()
        assert sum(end - start for _, start, end in kept) == len(model)
        blocks = kept.blocks(1)
        assert sum(block.ranges for block in blocks.values()) == len(kept)
        assert list(blocks) == sorted(blocks)


def test_eight_bytes_a_range() -> None:
    deleted = DeletedRanges()
    deleted.add_many(1, [(2 * clock, 2 * clock + 1) for clock in range(10_000)])
    (borders,) = deleted._borders.values()
    assert borders.itemsize * len(borders) == 8 * len(deleted)


def test_encoding_in_parts_makes_the_same_bytes() -> None:
    """Story: 400,000 ranges encoded for the first joiner held everybody's edits for a third of a second."""
    deleted, whole = DeletedRanges(), DeletedRanges()
    for client in range(10):
        ranges = [(clock, clock + 1) for clock in range(0, 200, 2)]
        deleted.add_many(client, list(ranges))
        whole.add_many(client, list(ranges))
    parts = 1
    while not deleted.encode_some(250):
        parts += 1
    assert parts == 4
    assert deleted.encode() == whole.encode()
    deleted.add(3, 1, 2)
    assert deleted.encode_some(250)
    assert deleted.encode() != whole.encode()
