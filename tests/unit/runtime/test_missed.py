"""The deltas kept for slow readers, under their bound."""

from collab_server.runtime.connection import Frame
from collab_server.runtime.missed import MOST_DELTAS, MissedDeltas

FRAMES = [Frame(bytes([number]) * 98) for number in range(5)]
BYTES = len(FRAMES[0])


def test_the_last_ones_in_their_order() -> None:
    missed = MissedDeltas()
    for frame in FRAMES:
        missed.add(frame, max_bytes=1_000)
    assert missed.latest(2) == FRAMES[3:]
    assert missed.latest(5) == FRAMES
    assert missed.latest(0) == []
    assert missed.size_bytes == 5 * BYTES


def test_more_than_were_kept() -> None:
    missed = MissedDeltas()
    assert missed.latest(0) == []
    assert missed.latest(1) is None
    for frame in FRAMES:
        missed.add(frame, max_bytes=2 * BYTES)
    assert missed.latest(2) == FRAMES[3:]
    assert missed.latest(3) is None
    assert missed.size_bytes == 2 * BYTES


def test_one_that_is_larger_than_the_bound_is_not_kept() -> None:
    missed = MissedDeltas()
    missed.add(FRAMES[0], max_bytes=BYTES)
    missed.add(FRAMES[1], max_bytes=BYTES - 1)
    assert missed.latest(1) is None
    assert missed.size_bytes == 0


def test_their_number_is_bounded_too() -> None:
    missed = MissedDeltas()
    for _ in range(MOST_DELTAS + 1):
        missed.add(FRAMES[0], max_bytes=1 << 30)
    assert missed.latest(MOST_DELTAS) == [FRAMES[0]] * MOST_DELTAS
    assert missed.latest(MOST_DELTAS + 1) is None


def test_cleared() -> None:
    missed = MissedDeltas()
    missed.add(FRAMES[0], max_bytes=1_000)
    missed.clear()
    assert missed.latest(1) is None
    assert missed.size_bytes == 0
