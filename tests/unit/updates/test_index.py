"""What of an update is new, known, or ahead of something missing."""

from __future__ import annotations

import random
import tracemalloc

from collab_server.types import ClockRange
from collab_server.updates import Accepted, Index, Run, Update, encode_structs, encode_update, scan
from tests.support.update_bytes import ANY, TYPE, gc, item, one, section, skip, string, update, values


def _take(index: Index, data: bytes) -> Accepted:
    return index.integrate(scan(data))


def _ranges(runs: list[Run] | object) -> list[ClockRange]:
    return sorted((run.client, run.clock, run.end) for run in runs)  # type: ignore[attr-defined]


def test_new_then_known() -> None:
    index = Index()
    data = one(string("abc"))
    assert _ranges(_take(index, data).runs) == [(1, 0, 3)]
    again = _take(index, data)
    assert not again.runs
    assert not again.held
    assert index.state == {1: 3}


def test_a_gap_is_held_and_let_go() -> None:
    index = Index()
    later = _take(index, one(string("b", origin=(1, 0)), clock=1))
    assert not later.runs
    (held,) = later.held
    assert index.missing(held) == (1, 1)

    _take(index, one(string("a")))
    assert index.missing(held) is None
    released = index.integrate(Update(later.held, ()))
    assert _ranges(released.runs) == [(1, 1, 2)]
    assert not released.held
    assert index.missing(held) is None


def test_a_missing_reference_is_held_and_let_go() -> None:
    index = Index()
    first = _take(
        index, update(section(1, 0, string("a"), string("b", origin=(2, 4)), string("c", origin=(1, 1))))
    )
    assert _ranges(first.runs) == [(1, 0, 1)]
    (held,) = first.held
    assert (held.clock, held.end, held.count) == (1, 3, 2)
    assert index.missing(held) == (2, 5)
    _take(index, one(string("hallo"), client=2))
    assert _ranges(index.integrate(scan(encode_structs(first.held))).runs) == [(1, 1, 3)]


def test_what_is_held_survives_its_encoding() -> None:
    index = Index()
    data = update(
        section(1, 3, gc(1), skip(2), string("x", origin=(9, 0))), section(2, 0, string("y", origin=(1, 3)))
    )
    held = _take(index, data).held
    again = scan(encode_structs(held))
    assert _ranges(again.structs) == _ranges(held)
    assert sorted(run.data for run in again.structs) == sorted(run.data for run in held)


def test_two_tabs_overlap_inside_a_struct() -> None:
    index = Index()
    _take(index, one(string("ab")))
    accepted = _take(index, one(string("abcd")))
    assert encode_update(accepted.runs, []) == one(string("cd", origin=(1, 1)), clock=2)


def test_overlapping_runs_of_one_client_in_one_offer() -> None:
    index = Index()
    runs = [
        *scan(one(string("cdef", origin=(1, 1)), clock=2)).structs,
        *scan(one(string("abcd"))).structs,
        *scan(one(string("def", origin=(1, 2)), clock=3)).structs,
        *scan(one(string("h", origin=(1, 6)), clock=7)).structs,
    ]
    accepted = index.integrate(Update(runs, ()))
    assert _ranges(accepted.runs) == [(1, 0, 4), (1, 4, 6)]
    assert _ranges(accepted.held) == [(1, 7, 8)]


def test_a_run_with_new_parts_at_both_ends_of_what_is_held() -> None:
    """Blocked in the first of two runs that overlap: the second is no way round it."""
    index = Index()
    _take(index, one(string("ab")))
    blocked = scan(update(section(1, 0, string("abc"), string("d", origin=(9, 9)), string("e")))).structs
    other = scan(one(string("bcdefg", origin=(1, 0)), clock=1)).structs
    accepted = index.integrate(Update([*other, *blocked], ()))
    assert _ranges(accepted.runs) == [(1, 2, 3)]
    assert index.state == {1: 3}
    assert _ranges(accepted.held) == [(1, 3, 5), (1, 3, 7)]


class TestDeletions:
    """Never held: what is known is applied, the rest dropped and told."""

    def test_known_clocks(self) -> None:
        index = Index()
        accepted = _take(index, update(section(1, 0, string("abcdef")), deletes={1: [(1, 2), (2, 3)]}))
        assert accepted.deletes == [(1, 1, 5)]
        assert not accepted.dropped_deletes
        assert list(index.deletes) == [(1, 1, 5)]

    def test_twice_is_known(self) -> None:
        index = Index()
        _take(index, update(section(1, 0, string("abcdef")), deletes={1: [(1, 2)]}))
        assert not _take(index, update(deletes={1: [(1, 2)]})).deletes
        assert _take(index, update(deletes={1: [(0, 6)]})).deletes == [(1, 0, 1), (1, 3, 6)]

    def test_unknown_clocks_are_dropped(self) -> None:
        index = Index()
        _take(index, one(string("abc")))
        accepted = _take(index, update(deletes={1: [(2, 1 << 40)], 7: [(0, 1 << 31)]}))
        assert accepted.deletes == [(1, 2, 3)]
        assert accepted.dropped_deletes
        one_range = _take(index, update(deletes={1: [(0, 1 << 31)]}))
        assert one_range.deletes == [(1, 0, 2)]
        assert one_range.dropped_deletes
        assert _take(index, update(deletes={7: [(0, 1)]})).dropped_deletes

    def test_of_clocks_that_are_held(self) -> None:
        index = Index()
        data = update(section(1, 0, string("a"), string("b", origin=(9, 0))), deletes={1: [(0, 2)]})
        accepted = _take(index, data)
        assert accepted.deletes == [(1, 0, 1)]
        assert accepted.dropped_deletes


def test_references_count_per_struct_never_by_the_highest() -> None:
    index = Index()
    data = update(
        section(2, 0, item(TYPE, b"\x01"), item(ANY, values(b"\x7e"), parent=(1, 1))),
        section(1, 0, item(ANY, values(b"\x7e"), parent=(2, 0)), item(TYPE, b"\x00", parent=(2, 0))),
    )
    assert _ranges(_take(index, data).runs) == [(1, 0, 2), (2, 0, 2)]


def test_missing_looks_at_the_next_struct_alone() -> None:
    index = Index()
    (run,) = scan(update(section(1, 0, string("ab", origin=(7, 0)), string("c", origin=(8, 2))))).structs
    assert index.missing(run) == (7, 1)
    index.state[7] = 1
    assert index.missing(run) is None
    index.state[1] = 2
    assert index.missing(run) == (8, 3)
    index.state[1] = 3
    assert index.missing(run) is None


def test_a_copy_is_apart() -> None:
    index = Index()
    _take(index, update(section(1, 0, string("abc")), deletes={1: [(0, 1)]}))
    other = index.copy()
    _take(other, update(section(1, 3, string("d", origin=(1, 2))), deletes={1: [(2, 2)]}))
    assert (index.state, list(index.deletes)) == ({1: 3}, [(1, 0, 1)])
    assert (other.state, list(other.deletes)) == ({1: 4}, [(1, 0, 1), (1, 2, 4)])


def test_packed_and_unpacked() -> None:
    index = Index()
    for client in range(2, 400):
        _take(
            index,
            update(
                section(client * 10_000_019, 0, gc(300)), deletes={client * 10_000_019: [(5, 9), (20, 7)]}
            ),
        )
    packed = index.pack()
    again = Index.unpack(packed)
    assert again.state == index.state
    assert sorted(again.deletes) == sorted(index.deletes)
    assert len(packed) <= 16 * len(index.state) + 8 * len(index.deletes) + 32


def test_empty_packed() -> None:
    assert Index.unpack(Index().pack()).state == {}


def test_its_memory_is_near_what_python_takes() -> None:
    """The figures per client and range are measured; this notices if Python or the index changes."""
    chance = random.Random(5)
    clients = [chance.getrandbits(32) for _ in range(2_000)]
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        index = Index()
        for client in clients:
            # Integers of their own, as they come out of updates.
            own = int(str(client))
            index.state[own] = 10_000 + chance.randrange(1_000_000)
            index.deletes.add_many(int(str(client)), [(at * 5, at * 5 + 2) for at in range(1, 9)])
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.7 < index.memory_bytes / (after - before) < 1.3
