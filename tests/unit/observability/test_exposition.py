from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from collab_server.errors import RefusalReason
from collab_server.observability import Metrics
from collab_server.observability.exposition import _COUNTERS, _GAUGES, _HISTOGRAMS, _LABELLED, Exposition


def _samples(metrics: Metrics) -> dict[tuple[str, str], float]:
    text = Exposition(metrics).render().decode()
    return {
        (sample.name, ",".join(f"{k}={v}" for k, v in sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_number_is_exported_and_described() -> None:
    exported = [*_COUNTERS, *_GAUGES, *_HISTOGRAMS, *_LABELLED]
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
