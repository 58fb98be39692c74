from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from collab_server.errors import FailureKind, RefusalReason
from collab_server.observability import Metrics
from collab_server.observability.exposition import (
    _COUNTERS,
    _GAUGES,
    _HISTOGRAMS,
    _LABELLED,
    _LABELLED_GAUGES,
    _LABELLED_HISTOGRAMS,
    _TABLES,
    Exposition,
)
from collab_server.observability.labels import MemoryKind
from collab_server.runtime.worker_lane import Outcome
from collab_server.runtime.workers import Lane
from collab_server.types import Job


def _samples(metrics: Metrics) -> dict[tuple[str, str], float]:
    text = Exposition(metrics).render().decode()
    return {
        (sample.name, ",".join(f"{k}={v}" for k, v in sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_number_is_exported_and_described() -> None:
    exported = [*_COUNTERS, *_GAUGES, *_HISTOGRAMS, *_LABELLED]
    exported += [*_TABLES, *_LABELLED_GAUGES, *_LABELLED_HISTOGRAMS]
    assert sorted(exported) == sorted(Metrics.__slots__)


def test_what_was_counted_is_what_is_read() -> None:
    metrics = Metrics()
    metrics.frames_sent += 7
    metrics.rooms_open = 2
    metrics.updates_refused[RefusalReason.MALFORMED] += 1
    samples = _samples(metrics)
    assert samples["collab_frames_sent_total", ""] == 7
    assert samples["collab_rooms_open", ""] == 2
    assert samples["collab_updates_refused_total", "reason=malformed"] == 1
    assert samples["collab_updates_refused_total", "reason=too_large"] == 0


def test_histograms_are_cumulative() -> None:
    metrics = Metrics()
    for value in (0.001, 0.15, 99.0):
        metrics.edit_latency_seconds.observe(value)
    samples = _samples(metrics)
    assert samples["collab_edit_latency_seconds_bucket", "le=0.001"] == 1
    assert samples["collab_edit_latency_seconds_bucket", "le=0.15"] == 2
    assert samples["collab_edit_latency_seconds_bucket", "le=+Inf"] == 3
    assert samples["collab_edit_latency_seconds_count", ""] == 3


def test_the_process_itself_is_measured() -> None:
    samples = _samples(Metrics())
    assert samples["process_resident_memory_bytes", ""] > 1_000_000
    assert samples["process_open_fds", ""] > 0


def test_two_servers_in_one_process_do_not_share_numbers() -> None:
    first, second = Metrics(), Metrics()
    first.frames_sent += 1
    assert _samples(second)["collab_frames_sent_total", ""] == 0


def test_the_workers_numbers_have_several_labels() -> None:
    metrics = Metrics()
    metrics.prepare_workers(Lane)
    metrics.worker_jobs[Lane.BACKGROUND, Job.PREVIEW, Outcome.DONE] += 3
    metrics.worker_deaths[Lane.STORE, FailureKind.OUT_OF_MEMORY] += 1
    metrics.worker_job_seconds[Lane.BACKGROUND].observe(0.2)
    metrics.worker_queue[Lane.BACKGROUND] = 2
    samples = _samples(metrics)
    assert samples["collab_worker_jobs_total", "job=preview,lane=background,outcome=done"] == 3
    assert samples["collab_worker_deaths_total", "kind=out_of_memory,lane=store"] == 1
    assert samples["collab_worker_job_seconds_bucket", "lane=background,le=0.25"] == 1
    assert samples["collab_worker_job_seconds_count", "lane=interactive"] == 0
    assert samples["collab_worker_queue", "lane=background"] == 2
    assert samples["collab_worker_memory_bytes", "lane=store"] == 0


def test_memory_and_rooms_are_told_by_kind_before_anything_happened() -> None:
    metrics = Metrics()
    metrics.memory_bytes[MemoryKind.BASE_CACHE] = 5
    samples = _samples(metrics)
    for kind in MemoryKind:
        assert samples["collab_memory_bytes", f"kind={kind.name.lower()}"] == (
            5 if kind is MemoryKind.BASE_CACHE else 0
        )
    assert samples["collab_rooms", "state=occupied"] == 0
    assert samples["collab_sessions_waiting", "what=audit"] == 0
