"""Yrs, the other implementation: it reads what we splice, and what it writes is taken like Yjs' own."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from collab_server.updates import decode_state_vector
from collab_server.updates.compaction import compact
from tests.oracle.corpus import History, yjs_histories
from tests.oracle.judge import Judge
from tests.oracle.model import splice
from tests.oracle.properties import in_order
from tests.oracle.test_histories import check_all
from tests.oracle.yrs import reader, yrs_history


def read_by_yrs(histories: Iterator[History]) -> tuple[int, int]:
    """Compare splices with the log in Yrs. How many histories it could read, and how many there were."""
    read = total = 0
    for history in histories:
        total += 1
        try:
            wanted = reader(history.log)
        except BaseException as error:
            # A Rust panic: Yrs cannot read this honest history. Anything else is ours.
            if type(error).__name__ != "PanicException":
                raise
            continue
        read += 1
        document = in_order(history)
        cut = Random(history.seed).randint(0, len(document.deltas))
        parts = [splice(document.deltas[:cut]), splice(document.deltas[cut:])]
        base = compact([delta.encode() for delta in document.deltas[:cut]]).data
        whole = compact([base, parts[1]]).data
        for updates in (parts, [splice(document.deltas)], [document.whole()], [base, parts[1]], [whole]):
            found = reader(updates)
            assert found.seen() == wanted.seen(), f"history {history.seed}"
            assert decode_state_vector(found.state()) == history.state, f"history {history.seed}"
    return read, total


def test_yrs_reads_a_sample_of_splices(oracle_modules: object) -> None:
    read, total = read_by_yrs(yjs_histories(2_000_000, 50, portable=True))
    assert read > 0.9 * total


@pytest.mark.slow
def test_yrs_reads_our_splices_of_yjs_histories(oracle_modules: object) -> None:
    read, total = read_by_yrs(yjs_histories(0, 1000, portable=True))
    assert read > 0.9 * total


def test_a_sample_of_yrs_histories(judge: Judge) -> None:
    check_all(iter([yrs_history(seed, judge) for seed in range(10_000, 10_030)]), judge)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_five_hundred_yrs_histories(judge: Judge) -> None:
    # Made before they are asked about: making one asks the judge too.
    histories = [yrs_history(seed, judge) for seed in range(500)]
    check_all(iter(histories), judge)
    read, total = read_by_yrs(iter(histories))
    assert read == total
