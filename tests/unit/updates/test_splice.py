"""The canonical form of what we write."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_server.errors import InvalidUpdate, RefusalReason
from collab_server.updates import (
    Run,
    decode_state_vector,
    encode_state_vector,
    encode_structs,
    encode_update,
    scan,
)
from collab_server.updates.splice import encode_deletes, merge_ranges
from tests.support.update_bytes import deletions, gc, section, skip, state_vector, string, uint, update

EMPTY = b"\x00\x00"


def _runs(data: bytes) -> list[Run]:
    return list(scan(data).structs)


def test_nothing() -> None:
    assert encode_update([], []) == EMPTY
    assert encode_structs([]) == EMPTY


def test_one_run() -> None:
    data = update(section(300, 70_000, string("a", origin=(300, 69_999)), gc(2)))
    assert encode_update(_runs(data), []) == data
    assert encode_update(_runs(data), [(1, 5, 7)]) == data[:-1] + deletions({1: [(5, 2)]})


def test_clients_descend_and_stand_once() -> None:
    runs = [
        *_runs(update(section(1, 0, string("a")))),
        *_runs(update(section(9, 5, gc(1)), section(3, 0, string("b")))),
        *_runs(update(section(1, 1, string("c", origin=(1, 0)), gc(4)))),
    ]
    assert encode_update(runs, []) == update(
        section(9, 5, gc(1)),
        section(3, 0, string("b")),
        section(1, 0, string("a"), string("c", origin=(1, 0)), gc(4)),
    )


def test_deletions_are_sorted_and_merged() -> None:
    found = [(2, 9, 10), (7, 4, 6), (2, 0, 3), (2, 3, 5), (7, 1, 2), (7, 0, 5)]
    assert encode_deletes(found) == deletions({7: [(0, 6)], 2: [(0, 5), (9, 1)]})


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), min_size=1, max_size=12))
def test_merged_ranges_cover_the_same_clocks(pairs: list[tuple[int, int]]) -> None:
    ranges = [(start, start + length) for start, length in pairs]
    merged = merge_ranges(list(ranges))
    assert {c for start, end in merged for c in range(start, end)} == {
        c for start, end in ranges for c in range(start, end)
    }
    assert all(before[1] < after[0] for before, after in pairwise(merged))


def test_held_runs_keep_their_gaps() -> None:
    runs = _runs(update(section(1, 4, string("b")), section(9, 2, gc(1), skip(3), gc(2))))
    assert encode_structs(reversed(runs)) == update(
        section(9, 2, gc(1), skip(3), gc(2)), section(1, 4, string("b"))
    )


def test_held_runs_that_overlap_are_written_once() -> None:
    runs = [
        *_runs(update(section(1, 4, string("abcd")))),
        *_runs(update(section(1, 6, string("cdef", origin=(1, 5))))),
        *_runs(update(section(1, 4, string("abc")))),
    ]
    assert encode_structs(runs) == update(section(1, 4, string("abcd"), string("ef", origin=(1, 7))))


STATES = st.dictionaries(st.integers(0, 2**53 - 1), st.integers(0, 2**31 - 1), max_size=20)


@given(STATES)
def test_state_vector_round_trip(state: dict[int, int]) -> None:
    assert decode_state_vector(encode_state_vector(state)) == state


def test_state_vector_is_written_as_yjs_does() -> None:
    assert encode_state_vector({1: 300, 7: 2}) == state_vector({7: 2, 1: 300})


@pytest.mark.parametrize(
    "data",
    [b"", b"\x01", b"\x01\x01", b"\x00\x00", uint(1 << 40), b"\x02\x01\x01\x01\x01", b"\x01" + b"\xff" * 12],
)
def test_what_is_no_state_vector(data: bytes) -> None:
    with pytest.raises(InvalidUpdate) as error:
        decode_state_vector(data)
    assert error.value.reason is RefusalReason.MALFORMED


def test_state_vector_of_too_many_clients() -> None:
    data = state_vector(dict.fromkeys(range(11), 1))
    assert len(decode_state_vector(data, 11)) == 11
    with pytest.raises(InvalidUpdate) as error:
        decode_state_vector(data, 10)
    assert error.value.reason is RefusalReason.TOO_LARGE
