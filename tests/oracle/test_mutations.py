"""Damaged updates: what the scanner lets through hurts no Yjs client, nor the honest edit beside it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.oracle.attack import MUTANTS_PER_BASE, Tally, attack, bases, harm
from tests.oracle.judge import Judge, Request

ALL = 100_000
SAMPLE = 2_000


def run(first: int, count: int, judge: Judge) -> Tally:
    """Judge `count` mutants; the harm of the first few in the message of the AssertionError."""
    tally = Tally()

    def requests() -> Iterator[Request]:
        for base in bases(first, count // MUTANTS_PER_BASE):
            yield from attack(base, tally)

    found = []
    for request, answer in judge.ask_all(requests()):
        found += [text for text in [harm(request, answer)] if text]
        tally.unsettled += answer.get("unsettled", False)
    assert not found, f"{len(found)} of {tally}\n" + "\n".join(found[:5])
    assert tally.made == count
    # Otherwise the mutants are so broken that nothing was tried.
    assert tally.judged > count * 0.15, tally
    # See `sameUnits` in node/judge.mjs; more would hide another fault.
    assert tally.unsettled < max(3, count // 1000), tally
    return tally


def test_a_sample_of_mutants(judge: Judge) -> None:
    run(5_000_000, SAMPLE, judge)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_thousand_mutants(judge: Judge) -> None:
    print(run(0, ALL, judge))


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_million_mutants(judge: Judge) -> None:
    print(run(100_000, 10 * ALL, judge))
