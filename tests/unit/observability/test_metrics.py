from __future__ import annotations

import timeit

import pytest

from collab_server.errors import RefusalReason
from collab_server.observability import ClientClose, Metrics
from collab_server.observability.metrics import Histogram, Labelled


def test_all_begin_at_zero() -> None:
    metrics = Metrics()
    plain = [getattr(metrics, name) for name in Metrics.__slots__]
    assert all(value == 0 for value in plain if isinstance(value, int | float))
    assert metrics.updates_refused == dict.fromkeys(RefusalReason, 0)


def test_only_known_names_can_be_set() -> None:
    with pytest.raises(AttributeError):
        Metrics().frames_snet = 1  # type: ignore[attr-defined]


def test_a_label_is_added_when_it_first_happens() -> None:
    counter = Labelled()
    counter[ClientClose.CONNECTION_LOST] += 1
    counter[ClientClose.CONNECTION_LOST] += 1
    assert counter == {ClientClose.CONNECTION_LOST: 2}


def test_a_value_at_a_bound_belongs_to_it() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 9.0):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 1]
    assert histogram.total == 14.0


def test_the_budget_is_a_bound_of_the_edit_latency() -> None:
    assert 0.150 in Metrics().edit_latency_seconds.bounds
    assert 0.123 in Metrics(edit_budget_seconds=0.123).edit_latency_seconds.bounds


def test_counting_costs_far_less_than_a_frame() -> None:
    metrics = Metrics()

    def count() -> None:
        metrics.frames_sent += 1
        metrics.edit_latency_seconds.observe(0.03)

    best = min(timeit.repeat(count, number=10_000, repeat=5)) / 10_000
    assert best < 3e-6, "ten times what it takes on an idle machine"
