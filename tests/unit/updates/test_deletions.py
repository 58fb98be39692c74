"""Deletions at the end of an update: read, bounded, and passed over where they are known."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_server.errors import InvalidUpdate, RefusalReason
from collab_server.updates import DeletedRanges, ScanLimits, scan_new_deletes
from collab_server.updates.deletions import scan_deletes
from tests.support.update_bytes import deletions

RANGES = st.lists(
    st.tuples(st.sampled_from([1, 5]), st.integers(0, 80_000), st.integers(1, 20_000)), max_size=40
)


def ranges_of(found: list[tuple[int, int, int]]) -> DeletedRanges:
    made = DeletedRanges()
    for client, start, length in found:
        made.add(client, start, start + length)
    return made


def new(data: bytes, known: DeletedRanges, most: int = 10_000) -> list[tuple[int, int, int]]:
    return scan_new_deletes(data, 0, ScanLimits(max_delete_ranges=most), known)


@given(RANGES, RANGES)
def test_what_is_left_and_what_is_known_are_all_of_it(mine: list, theirs: list) -> None:
    known, sent = ranges_of(mine), ranges_of(theirs)
    found = new(sent.encode(), known)
    assert set(found) <= set(sent)
    both = known.copy()
    for client, start, end in found:
        both.add(client, start, end)
    everything = known.copy()
    for client, start, end in sent:
        everything.add(client, start, end)
    assert both == everything


def test_a_document_of_years_is_compared_and_not_read() -> None:
    chance = random.Random(1)
    starts = sorted(chance.sample(range(0, 3_000_000, 3), 100_000))
    known = DeletedRanges()
    known.add_many(9, [(start, start + 1) for start in starts])
    known.add_many(4, [(7, 9)])
    assert new(known.encode(), known, most=0) == []
    sent = known.copy()
    sent.add(9, 2_999_999, 3_000_000)
    assert len(new(sent.encode(), known)) < 10_000, "the block that changed"
    known.add(9, 1_500_001, 1_500_002)
    assert len(new(sent.encode(), known)) < 20_000


def test_the_limit_is_for_what_is_new() -> None:
    known = ranges_of([(1, 0, 5), (1, 10, 5)])
    sent = deletions({1: [(0, 5), (10, 5), (20, 1)]})
    assert new(sent, known, most=1) == [(1, 20, 21)]
    with pytest.raises(InvalidUpdate) as refused:
        new(sent, known, most=0)
    assert refused.value.reason is RefusalReason.TOO_LARGE
    with pytest.raises(InvalidUpdate, match="more than 2 deletions"):
        scan_deletes(sent, 0, ScanLimits(max_delete_ranges=2))


@pytest.mark.parametrize(
    "data",
    [
        deletions({1: [(0, 5)]})[:-1],
        deletions({1: [(0, 5)]}) + b"x",
        b"\x01\x01\x09\x00\x05",
        b"\x02\x01\x00\x01\x00",
    ],
)
def test_what_is_malformed_stays_so_beside_what_is_known(data: bytes) -> None:
    with pytest.raises(InvalidUpdate) as refused:
        new(data, ranges_of([(1, 0, 5)]))
    assert refused.value.reason is RefusalReason.MALFORMED


def test_fewer_ranges_than_a_block_has_are_read() -> None:
    known = ranges_of([(1, 0, 5), (1, 10, 5)])
    assert new(b"\x01\x01\x01\x00\x05", known) == [(1, 0, 5)]
