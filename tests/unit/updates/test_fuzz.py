"""Mutated updates: refused or accepted, never anything else, and never in more than bounded work."""

from __future__ import annotations

import random
import time
from functools import cache

import pytest

from collab_server.errors import InvalidUpdate
from collab_server.updates import (
    STORED_LIMITS,
    Index,
    Tail,
    decode_state_vector,
    encode_structs,
    encode_update,
    scan,
)
from tests.support.poison import POISON
from tests.unit.updates.histories import REPLICAS, make

#: A scan of 100 kB takes some milliseconds; a noisy machine may take fifty times as long.
BOUND_SECONDS = 0.5


@cache
def poison() -> list[bytes]:
    return [found.data for found in POISON if len(found.data) < 1_000]


@cache
def honest() -> list[bytes]:
    rng = random.Random(3)
    found: list[bytes] = []
    for _ in range(6):
        count = rng.randrange(5, 40)
        steps = [
            (rng.randrange(10), rng.randrange(REPLICAS), rng.randrange(999), rng.randrange(10))
            for _ in range(count)
        ]
        history = make(steps)
        found += [*history.sent, history.whole.get_update(), history.whole.get_state()]
    return found


def _seed(rng: random.Random) -> bytes:
    return rng.choice(poison() if rng.random() < 0.2 else honest())


def mutate(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        place = rng.randrange(len(out) + 1)
        action = rng.randrange(6)
        if action == 0 or not out:
            out[place:place] = rng.randbytes(rng.choice((1, 1, 9)))
        elif action == 1:
            out[place % len(out)] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
        elif action == 2:
            del out[place : place + rng.choice((1, 1, 4))]
        elif action == 3:
            other = _seed(rng)
            start = rng.randrange(len(other) + 1)
            out[place:place] = other[start : start + rng.randrange(12)]
        elif action == 4:
            out[place % len(out)] ^= 1 << rng.randrange(8)
        else:
            out[place:place] = out[place : place + rng.randrange(30)] * rng.choice((1, 1, 40))
    return bytes(out)


def _offer(index: Index, blocks: Tail, data: bytes) -> bool:
    try:
        update = scan(data)
    except InvalidUpdate:
        return False
    before = dict(index.state)
    accepted = index.integrate(update)
    for run in accepted.runs:
        blocks.append(run)
    written = scan(encode_update(accepted.runs, accepted.deletes), STORED_LIMITS)
    # What goes out follows from what was there, and is taken whole by whoever had that.
    twin = Index()
    twin.state = before
    again = twin.integrate(written)
    assert not again.held
    assert not again.dropped_deletes
    assert twin.state == index.state
    scan(encode_structs(accepted.held), STORED_LIMITS)
    return True


@pytest.mark.parametrize("seed", range(4))
def test_mutated_updates(seed: int) -> None:
    rng = random.Random(seed)
    accepted = 0
    for _ in range(30):
        index, blocks = Index(), Tail()
        for _ in range(60):
            data = mutate(rng, _seed(rng))
            started = time.perf_counter()
            accepted += _offer(index, blocks, data)
            assert time.perf_counter() - started < BOUND_SECONDS
        # What was accepted in parts is accepted as a whole: a journal and a client bring it back so.
        again = Index()
        assert not again.integrate(scan(blocks.diff({}, index.deletes), STORED_LIMITS)).held
        assert again.state == index.state
    assert accepted > 100


def test_mutated_state_vectors() -> None:
    rng = random.Random(9)
    for _ in range(3_000):
        try:
            decode_state_vector(mutate(rng, _seed(rng)))
        except InvalidUpdate:
            pass


@pytest.mark.parametrize("size", [1, 50, 5_000])
def test_noise(size: int) -> None:
    rng = random.Random(size)
    for _ in range(300):
        try:
            scan(rng.randbytes(size))
        except InvalidUpdate:
            pass
