"""Workloads, how they shrink, and the schedule that every process derives alike."""

from collections import Counter

import pytest

from bench.generator.players import Act, schedule
from bench.plan import WORKLOADS, Job


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_small_workload_still_has_somebody_to_type_and_somebody_to_read(name: str) -> None:
    small = WORKLOADS[name].scaled(1 / 1000)
    assert small.clients_per_room >= 2
    assert small.rooms >= 1
    assert small.typists_per_room + small.witnesses <= small.clients_per_room
    assert bool(small.typists_per_room) == bool(WORKLOADS[name].typists_per_room)


def test_school_shrinks_by_rooms_and_class_by_clients() -> None:
    school, in_class = WORKLOADS["school"].scaled(1 / 20), WORKLOADS["class"].scaled(1 / 3)
    assert (school.rooms, school.clients_per_room) == (50, 5)
    assert (in_class.rooms, in_class.clients_per_room, in_class.typists_per_room) == (1, 10, 10)


def test_a_job_survives_its_way_to_the_generator() -> None:
    job = Job(WORKLOADS["class"], 1234, "y-websocket", 1, None, True, "somewhere", 3)
    assert Job.from_json(job.to_json()) == job


def test_the_schedule_keeps_the_rates_and_is_the_same_for_everybody() -> None:
    workload = WORKLOADS["presence"]
    acts = schedule(workload, seed=4)
    assert acts == schedule(workload, seed=4)
    assert acts != schedule(workload, seed=5)
    assert [moment for moment, _, _ in acts] == sorted(moment for moment, _, _ in acts)
    kinds = Counter(act for _, act, _ in acts)
    seconds = workload.seconds + workload.warmup_seconds
    assert kinds[Act.ANNOUNCE] == pytest.approx(500 * seconds, rel=0.1)
    assert kinds[Act.TYPE] == pytest.approx(5 * 2 * seconds, rel=0.2)
    assert (kinds[Act.OPEN_WINDOW], kinds[Act.CLOSE_WINDOW]) == (1, 1)
    assert acts[-1][1] is Act.CLOSE_WINDOW
