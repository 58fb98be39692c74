"""The order in which structs can go."""

from __future__ import annotations

import random

import pytest

from collab_server.types import StateVector
from collab_server.updates import STORED_LIMITS, Run, scan
from collab_server.updates.acceptance import Acceptance, waits_before
from tests.support.update_bytes import section, skip, string, update


def _runs(data: bytes) -> list[Run]:
    return list(scan(data, STORED_LIMITS).structs)


def _advance(data: bytes, state: StateVector | None = None) -> StateVector:
    found = dict(state or {})
    Acceptance(_runs(data), found).advance()
    return found


def test_sections_in_any_order() -> None:
    first = section(1, 0, string("a"))
    second = section(2, 0, string("b", origin=(1, 0)))
    third = section(3, 0, string("c", origin=(2, 0)))
    for sections in ([first, second, third], [third, second, first], [second, third, first]):
        assert _advance(update(*sections)) == {1: 1, 2: 1, 3: 1}


def test_only_what_hangs_on_a_gap_waits() -> None:
    data = update(
        section(1, 0, string("a"), skip(1), string("c")),
        section(2, 0, string("x"), string("y", origin=(1, 2)), string("z")),
        section(3, 0, string("p", origin=(2, 0)), string("q", origin=(2, 2))),
    )
    assert _advance(data) == {1: 1, 2: 1, 3: 1}


@pytest.mark.parametrize("length", [2, 3, 7])
def test_a_circle_waits_whole(length: int) -> None:
    circle = [section(n, 0, string("a", origin=((n + 1) % length, 0))) for n in range(length)]
    assert _advance(update(*circle)) == {}


def test_a_known_beginning_names_nothing_any_more() -> None:
    """Yjs replaces structs by deleted clocks without references: what they named may never come."""
    data = update(section(1, 4, string("ab", origin=(9, 100)), string("c"), string("d", origin=(8, 100))))
    assert _advance(data, {1: 6}) == {1: 7}
    assert _advance(data, {1: 5}) == {1: 5}


def test_waits_before_a_clock() -> None:
    (run,) = _runs(update(section(1, 4, string("ab", origin=(9, 1)), string("cd", origin=(9, 2)))))
    assert [waits_before(run, clock) for clock in (0, 4, 5, 6, 7, 8, 99)] == [0, 0, 0, 1, 1, 2, 2]
    assert waits_before(Run(1, 0, 9, 1, b""), 5) == 0


class _Counting(dict[int, int]):
    """A state vector that counts how often it is asked."""

    looks = 0

    def get(self, key: int, default: int = 0) -> int:  # type: ignore[override]
        self.looks += 1
        return super().get(key, default)


def test_interlocked_clients_take_a_few_looks_for_each_lock() -> None:
    """Two clients, every struct of each on the latest of the other."""
    count = 10_000
    first = [string("a", origin=(2, clock - 1) if clock else None) for clock in range(count)]
    second = [string("b", origin=(1, clock)) for clock in range(count)]
    state = _Counting()
    Acceptance(_runs(update(section(2, 0, *second), section(1, 0, *first))), state).advance()
    assert state == {1: count, 2: count}
    assert state.looks < 10 * 2 * count


def test_many_who_wait_for_one_take_a_few_looks_for_each_lock() -> None:
    """A leader goes round 200 followers twenty times: each answers it, and it builds on the answer."""
    followers, rounds = 200, 20
    leader = [string("s")]
    leader += [string("a", origin=(100 + n % followers, n // followers)) for n in range(followers * rounds)]
    answers = [
        section(100 + k, 0, *[string("b", origin=(1, turn * followers + k)) for turn in range(rounds)])
        for k in range(followers)
    ]
    state = _Counting()
    Acceptance(_runs(update(section(1, 0, *leader), *answers)), state).advance()
    assert state == {1: followers * rounds + 1} | {100 + k: rounds for k in range(followers)}
    assert state.looks < 10 * 2 * followers * rounds


def test_random_orders_end_where_the_simple_rule_ends() -> None:
    rng = random.Random(7)
    for _ in range(300):
        data = update(*[section(client, rng.randrange(2), *_structs(rng, client)) for client in range(1, 5)])
        known = {client: rng.randrange(3) for client in range(1, 5)}
        assert _advance(data, known) == _by_passes(data, known)


def _structs(rng: random.Random, client: int) -> list[bytes]:
    structs = []
    for _ in range(rng.randrange(1, 8)):
        other = rng.randrange(1, 5)
        origin = (other, rng.randrange(8)) if rng.random() < 0.6 and other != client else None
        structs.append(skip(1) if rng.random() < 0.1 else string("a", origin=origin))
    return structs


def _by_passes(data: bytes, known: StateVector) -> StateVector:
    """The same question, struct by struct in repeated passes."""
    state = dict(known)
    structs = [
        (run.client, clock, {(other, end) for at, other, end in run.waits if at == clock})
        for run in _runs(data)
        for clock in range(run.clock, run.end)
    ]
    moved = True
    while moved:
        moved = False
        for client, clock, needs in structs:
            met = all(state.get(other, 0) >= end for other, end in needs)
            if state.get(client, 0) == clock and met:
                state[client] = clock + 1
                moved = True
    return state
