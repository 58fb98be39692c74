from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from collab_server.cli.room_samples import Histogram, Sample, compare
from collab_server.types import RoomOrder
from tests.unit.cli.room_answers import answer, room


def _sample(*rooms: dict[str, Any], **values: Any) -> Sample:
    return Sample.model_validate(answer(*rooms, **values))


def test_rates_come_from_two_samples() -> None:
    before = _sample(room("a", edits=10, version=4), at=100.0, edits=50, deltas=20)
    now = _sample(room("a", edits=40, version=10), room("b", edits=9), at=103.0, edits=110, deltas=26)
    picture = compare(before, now, by=RoomOrder.BYTES)
    assert (picture.edits_per_second, picture.deltas_per_second) == (20.0, 2.0)
    rates = [(row.edits_per_second, row.deltas_per_second) for row in picture.rows]
    assert rates == [(10.0, 2.0), (None, None)]


def test_one_sample_has_no_rates() -> None:
    picture = compare(None, _sample(room("a", edits=5)), by=RoomOrder.EDITS)
    assert (picture.edits_per_second, picture.rows[0].edits_per_second) == (None, None)


def test_a_count_that_began_anew_is_no_rate() -> None:
    before = _sample(room("a", edits=500), at=1.0, edits=900, latency=(9, 0, 0, 0))
    now = _sample(room("a", edits=3), at=2.0, edits=4, latency=(0, 1, 0, 0))
    picture = compare(before, now, by=RoomOrder.BYTES)
    assert picture.rows[0].edits_per_second is None
    assert picture.edits_per_second is None
    assert picture.edit_latency.counts == (0, 1, 0, 0)


def test_rooms_of_other_tenants_are_other_rooms() -> None:
    before = _sample(room("a", edits=1), at=1.0)
    now = _sample(room("a", tenant="school", edits=9), at=2.0)
    assert compare(before, now, by=RoomOrder.BYTES).rows[0].edits_per_second is None


def test_by_edits_the_fastest_comes_first() -> None:
    before = _sample(room("a", edits=1_000), room("b", edits=0), at=1.0)
    now = _sample(room("a", edits=1_001, recent_edits=90), room("b", edits=50, recent_edits=50), at=2.0)
    assert [row.room.room for row in compare(before, now, by=RoomOrder.EDITS).rows] == ["b", "a"]
    assert [row.room.room for row in compare(before, now, by=RoomOrder.BYTES).rows] == ["a", "b"]


@pytest.mark.parametrize(
    ("counts", "part", "value"),
    [
        ((0, 0, 0), 0.5, None),
        ((4, 0, 0), 0.5, 0.5),
        ((0, 4, 0), 0.5, 1.5),
        ((0, 4, 0), 1.0, 2.0),
        ((98, 0, 2), 0.99, math.inf),
        ((1, 0, 0), 0.99, 0.99),
    ],
)
def test_quantiles_are_spread_between_bounds(
    counts: tuple[int, ...], part: float, value: float | None
) -> None:
    assert Histogram(bounds=(1.0, 2.0), counts=counts).quantile(part) == (
        value if value is None else pytest.approx(value)
    )


def test_a_newer_server_may_say_more_and_none_less() -> None:
    more = answer(room("a", colour="red"), weather="fine")
    assert Sample.model_validate(more).rooms[0].room == "a"
    less = answer(room("a"))
    del less["process"]["edits"]
    with pytest.raises(ValidationError):
        Sample.model_validate(less)
