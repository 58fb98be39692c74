"""The ledger of deliveries: latencies, loss, doubles, gaps."""

import pytest

from bench.generator.deliveries import Arrivals, Tally, Window, percentile, tally_client
from bench.generator.updates import Delta

SENT = {1: [0.0, 1.0, 1.9], 2: [0.5, 1.5]}


def tally(arrivals: list[tuple[float, Delta]], window: Window | None = None) -> Tally:
    into = Tally()
    batches = [delta for _, delta in arrivals]
    numbered = [(moment, number) for number, (moment, _) in enumerate(arrivals)]
    tally_client(2, numbered, batches, SENT, window or Window(0.0, 9.0), into)
    return into


def test_counts_others_edits_once_and_own_never() -> None:
    got = tally(
        [
            (0.1, Delta(((1, 0, 1), (2, 0, 1)))),
            (1.2, Delta(((1, 0, 2),))),
            (2.1, Delta(((1, 2, 3), (2, 1, 2)))),
        ]
    )
    assert (got.expected, got.delivered, got.lost) == (3, 3, 0)
    assert got.latencies.total() == 3
    assert got.percentile_ms(1.0) == pytest.approx(200, abs=0.02)


def test_what_never_came_is_lost() -> None:
    got = tally([(0.1, Delta(((1, 0, 1),))), (2.1, Delta(((1, 2, 3),)))])
    assert (got.delivered, got.lost) == (2, 1)


def test_a_late_piece_fills_the_gap_and_is_counted_once() -> None:
    arrivals = Arrivals(own=2)
    assert list(arrivals.take(Delta(((1, 2, 4),)))) == [(1, 2, 3), (1, 3, 4)]
    assert list(arrivals.take(Delta(((1, 0, 2),)))) == [(1, 0, 1), (1, 1, 2)]
    assert list(arrivals.take(Delta(((1, 0, 4),)))) == []
    assert list(arrivals.take(Delta(((1, 3, 6),)))) == [(1, 4, 6)]


def test_an_overlap_with_pieces_from_ahead_is_counted_once() -> None:
    arrivals = Arrivals(own=2)
    assert list(arrivals.take(Delta(((1, 2, 3),)))) == [(1, 2, 3)]
    assert list(arrivals.take(Delta(((1, 0, 4),)))) == [(1, 0, 1), (1, 1, 2), (1, 3, 4)]
    assert list(arrivals.take(Delta(((1, 0, 4),)))) == []


def test_only_edits_of_the_window_have_latencies_and_only_its_arrivals_count() -> None:
    got = tally(
        [(0.1, Delta(((1, 0, 1),))), (1.9, Delta(((1, 1, 2),))), (2.1, Delta(((1, 2, 3),)))],
        Window(1.5, 2.0),
    )
    assert got.latencies.total() == 1
    assert got.in_window == 1
    assert got.delivered == 3


def test_percentiles() -> None:
    histogram = {1: 50, 2: 49, 100: 1}
    assert percentile(histogram, 0.5, 1) == 1
    assert percentile(histogram, 0.9, 1) == 2
    assert percentile(histogram, 1.0, 1) == 100
    assert percentile({}, 0.5, 1) is None
