"""Slices of base and tail for any state vector."""

from __future__ import annotations

import random

import pytest

from collab_server.updates import Base, DeletedRanges, Index, Tail, encode_update, scan
from collab_server.updates.compaction import compact
from collab_server.updates.limits import STORED_LIMITS
from collab_server.updates.run import MARK_EVERY
from tests.support.update_bytes import gc, one, section, string, update

NO_DELETES = DeletedRanges()


def _filled(*updates: bytes) -> tuple[Tail, Index]:
    store, index = Tail(), Index()
    for data in updates:
        accepted = index.integrate(scan(data, STORED_LIMITS))
        assert not accepted.held
        for run in accepted.runs:
            store.append(run)
    return store, index


def test_empty() -> None:
    assert Tail().diff({}, NO_DELETES) == b"\x00\x00"
    assert Tail().size_bytes == 0


def test_everything_is_canonical() -> None:
    store, index = _filled(
        one(string("a"), client=3),
        one(string("b"), client=9),
        update(section(3, 1, string("c", origin=(3, 0))), deletes={3: [(0, 1)]}),
    )
    expected = update(
        section(9, 0, string("b")),
        section(3, 0, string("a"), string("c", origin=(3, 0))),
        deletes={3: [(0, 1)]},
    )
    assert store.diff({}, index.deletes) == expected
    assert store.size_bytes == len(string("b") + string("a") + string("c", origin=(3, 0)))


def test_at_the_head_only_deletions() -> None:
    store, index = _filled(update(section(3, 0, string("abc")), deletes={3: [(0, 1)]}))
    assert store.diff({3: 3}, index.deletes) == update(deletes={3: [(0, 1)]})
    assert store.diff({3: 99, 7: 1}, index.deletes) == update(deletes={3: [(0, 1)]})


def test_a_run_must_follow() -> None:
    store, _ = _filled(one(string("abc")))
    (run,) = scan(one(string("x", origin=(1, 0)), clock=2)).structs
    with pytest.raises(ValueError, match="does not follow"):
        store.append(run)


@pytest.mark.parametrize("sizes", [[1] * 100, [40, 1, 60], [16] * 6, [3, 17, 15, 1, 64], [200], [15, 15, 15]])
def test_a_slice_starts_at_most_a_few_structs_early(sizes: list[int]) -> None:
    lengths = random.Random(1).choices(range(1, 5), k=sum(sizes))
    updates, clock, made = [], 0, 0
    for size in sizes:
        structs = [gc(length) for length in lengths[made : made + size]]
        updates.append(update(section(1, clock, *structs)))
        clock += sum(lengths[made : made + size])
        made += size
    store, _ = _filled(*updates)
    for known in range(clock):
        (run,) = scan(store.diff({1: known}, NO_DELETES)).structs
        assert run.clock <= known
        assert run.end == clock
        early = Index()
        early.state[1] = run.clock
        accepted = early.integrate(scan(store.diff({}, NO_DELETES))).runs
        assert encode_update(accepted, []) == encode_update([run], [])
        structs_early = sum(1 for end in _ends(lengths) if run.clock < end <= known)
        assert structs_early < MARK_EVERY


def _ends(lengths: list[int]) -> list[int]:
    ends = [0]
    for length in lengths:
        ends.append(ends[-1] + length)
    return ends[1:]


def test_only_who_is_behind_gets_a_section() -> None:
    store, _ = _filled(*[one(string("ab"), client=client) for client in range(1, 6)])
    found = scan(store.diff({1: 2, 2: 1, 3: 0, 5: 2}, NO_DELETES))
    assert [run.client for run in found.structs] == [4, 3, 2]


def _based(*updates: bytes, cut: int) -> tuple[Tail, Index, Base]:
    """A document whose first updates are in its base and the rest in its tail."""
    made = compact(updates[:cut])
    index = Index.of_base(made.head)
    tail = Tail(made.head.state)
    for data in updates[cut:]:
        for run in index.integrate(scan(data, STORED_LIMITS)).runs:
            tail.append(run)
    chunks = [made.data[at : at + 7] for at in range(0, len(made.data), 7)]
    return tail, index, Base(made.table, chunks)


LETTERS = [one(string("a"))] + [one(string(c, (1, k)), clock=k + 1) for k, c in enumerate("bcdef")]


def test_base_and_tail_make_one_section() -> None:
    tail, index, base = _based(*LETTERS, cut=3)
    expected = update(
        section(1, 0, string("abc"), string("d", (1, 2)), string("e", (1, 3)), string("f", (1, 4)))
    )
    assert tail.diff({}, index.deletes, base) == expected
    # A client inside the base's only struct gets that struct and all after it.
    assert tail.diff({1: 2}, index.deletes, base) == expected


def test_who_is_past_the_base_needs_only_the_tail() -> None:
    tail, index, base = _based(*LETTERS, one(string("x"), client=7), cut=3)
    assert tail.reaches({1: 3})
    assert not tail.reaches({1: 2, 7: 1})
    expected = update(section(7, 0, string("x")), section(1, 3, *_letters("def", 3)))
    assert tail.diff({1: 3}, index.deletes) == tail.diff({1: 3}, index.deletes, base) == expected
    with pytest.raises(ValueError, match="base is needed"):
        tail.diff({1: 2, 7: 1}, index.deletes)


def _letters(text: str, first: int) -> list[bytes]:
    return [string(c, (1, first - 1 + k)) for k, c in enumerate(text)]


def test_clients_of_base_and_tail_stand_in_one_descending_order() -> None:
    tail, index, base = _based(
        one(string("p"), client=5), one(string("q"), client=2), one(string("r"), client=9), cut=2
    )
    expected = update(section(9, 0, string("r")), section(5, 0, string("p")), section(2, 0, string("q")))
    assert tail.diff({}, index.deletes, base) == expected


@pytest.mark.parametrize("cut", range(len(LETTERS) + 1))
def test_a_new_base_takes_over_the_first_of_a_tail(cut: int) -> None:
    tail, index = _filled(*LETTERS, one(string("x"), client=7))
    made = compact(LETTERS[:cut])
    tail.rebase(made.head.state)
    before, _, base = _based(*LETTERS, one(string("x"), client=7), cut=cut)
    assert tail.diff({}, index.deletes, base) == before.diff({}, index.deletes, base)
    assert tail.size_bytes == before.size_bytes


def test_a_tail_with_marks_is_cut_at_any_struct() -> None:
    text = "x" * 100
    letters = [one(string(text[0]))] + [one(string(c, (1, k)), clock=k + 1) for k, c in enumerate(text[1:])]
    for cut in (1, 15, 16, 17, 40, 99):
        tail, index = _filled(*letters)
        tail.rebase({1: cut})
        known = tail.diff({1: max(cut, 60)}, index.deletes)
        (run,) = scan(known).structs
        assert run.end == 100
        assert run.clock <= max(cut, 60)
        assert tail.size_bytes == len(tail.diff({1: cut}, index.deletes)) - 5, (
            "counts, client, clock, deletions"
        )
