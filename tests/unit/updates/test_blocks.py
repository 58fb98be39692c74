"""Slices of the uncompacted document for any state vector."""

from __future__ import annotations

import random

import pytest

from collab_server.updates import BlockStore, DeletedRanges, Index, encode_update, scan
from collab_server.updates.limits import STORED_LIMITS
from collab_server.updates.run import MARK_EVERY
from tests.support.update_bytes import gc, one, section, string, update

NO_DELETES = DeletedRanges()


def _filled(*updates: bytes) -> tuple[BlockStore, Index]:
    store, index = BlockStore(), Index()
    for data in updates:
        accepted = index.integrate(scan(data, STORED_LIMITS))
        assert not accepted.held
        for run in accepted.runs:
            store.append(run)
    return store, index


def test_empty() -> None:
    assert BlockStore().diff(None, NO_DELETES) == b"\x00\x00"
    assert BlockStore().size_bytes == 0


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
    assert store.diff(None, index.deletes) == store.diff({}, index.deletes) == expected
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
        accepted = early.integrate(scan(store.diff(None, NO_DELETES))).runs
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
