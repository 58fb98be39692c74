"""How `Metrics` looks to Prometheus.

Owns metric names, types and help texts, and is read at each scrape; costs nothing between scrapes. Also
exports the process's memory, CPU and descriptors by prometheus-client's own collectors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from collab_server import __version__
from collab_server.observability.metrics import Histogram, Labelled, Metrics, Table

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_PREFIX = "collab_"

_COUNTERS = {
    "connections_opened": "WebSocket connections whose handshake was completed.",
    "connections_refused": "Connections refused before a handshake: bad or slow heads, no free place.",
    "frames_received": "WebSocket messages received.",
    "bytes_received": "Bytes of WebSocket messages received.",
    "frames_sent": "WebSocket messages sent, counted once for each connection.",
    "bytes_sent": "Bytes of WebSocket messages sent, counted once for each connection.",
    "sync_steps_sent": "Step 2 messages sent to joining sessions.",
    "updates_received": "Updates received from sessions, step 2 included.",
    "updates_accepted": "Updates that held something new.",
    "updates_known": "Updates that held nothing new.",
    "updates_held": "Updates of which a part waits for a missing predecessor.",
    "sessions_fell_behind": "Times that a session's buffer was full and it was not written to for a while.",
    "deltas_flushed": "Deltas that rooms sent to their sessions and to the journal.",
    "awareness_frames_received": "Awareness messages received, recognised echoes included.",
    "awareness_frames_sent": "Awareness messages sent, counted once for each connection.",
    "awareness_echoes_dropped": "Awareness messages dropped as echoes of our own.",
    "rooms_loaded": "Rooms opened from the journal.",
    "room_loads_failed": "Rooms that could not be opened.",
    "compactions": "Tails of rooms that were made part of their bases.",
    "compactions_failed": "Compactions that failed; they are tried again.",
    "structs_quarantined": "Structs whose content no compaction could keep; their rows are in quarantine.",
    "cleanups_failed": "Removals of what is not needed any more that failed; they are tried again.",
    "commits": "Commits of the journal.",
    "records_committed": "Records in commits of the journal.",
    "save_failures": "Commits of the journal that failed.",
}
_LABELLED = {
    "connections_closed": ("reason", "WebSocket connections that ended, by reason."),
    "updates_refused": ("reason", "Updates refused, by reason."),
}
_TABLES = {
    "worker_jobs": (("lane", "job", "outcome"), "Jobs of worker processes that ended, by outcome."),
    "worker_deaths": (("lane", "kind"), "Worker processes that were lost or had to be killed, by kind."),
}
_LABELLED_GAUGES = {
    "worker_queue": ("lane", "Jobs that wait for a worker process."),
    "memory_bytes": ("kind", "Memory of the server process by what it is for, as counted at this scrape."),
    "rooms": ("state", "Rooms in memory or being opened, by state."),
    "sessions_waiting": ("what", "Sessions that wait, by what they wait for."),
    "worker_memory_bytes": ("lane", "Memory of a worker process after its last job; 0 if there is none."),
}
_LABELLED_HISTOGRAMS = {
    "worker_job_seconds": ("lane", "Time that a job took, a second try and the start of a process included."),
}
_GAUGES = {
    "connections_open": "WebSocket connections open now.",
    "http_connections_open": "Connections open now that are no WebSockets (yet).",
    "sessions_open": "Sessions in a room now.",
    "rooms_open": "Rooms in memory now.",
    "sessions_behind": "Sessions whose buffer is full now: slow readers, and joiners of large documents.",
    "unsaved_bytes": "Bytes accepted and not yet in the journal.",
    "journal_bytes": "Size of the journal's files.",
    "loop_lag_max_seconds": "Longest delay of the event loop in the last minute.",
    "loop_step_max_seconds": "Most CPU time of one step of the event loop, as sampled in the last minute.",
}
_HISTOGRAMS = {
    "delta_bytes": "Size of the deltas that rooms sent.",
    "compaction_seconds": "Time from the decision to compact a room until it has its new base.",
    "flush_window_seconds": "Time that a room collected edits before it sent them.",
    "edit_latency_seconds": "From the arrival of an edit to its writing to the other sessions' sockets.",
    "commit_seconds": "Duration of a commit of the journal.",
    "loop_lag_seconds": "Delay of the event loop, sampled.",
    "loop_stall_seconds": "Times in which the event loop did nothing else; see latency.loop_probe_seconds.",
    "loop_busy_seconds": "Processor time of the event loop between two of these looks at it.",
}


class MetricsCollector(Collector):
    """Reads a `Metrics` whenever Prometheus asks."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        yield from self._plain()
        for name, (label, text) in _LABELLED.items():
            counter = CounterMetricFamily(_PREFIX + name, text, labels=[label])
            yield _labelled(counter, getattr(self._metrics, name))
        for name, text in _HISTOGRAMS.items():
            yield _histogram(name, text, getattr(self._metrics, name))
        yield from self._workers()
        yield _build_info()

    def _workers(self) -> Iterator[Metric]:
        for name, (labels, text) in _TABLES.items():
            yield _table(name, labels, text, getattr(self._metrics, name))
        for name, (label, text) in _LABELLED_GAUGES.items():
            yield _labelled(
                GaugeMetricFamily(_PREFIX + name, text, labels=[label]), getattr(self._metrics, name)
            )
        for name, (label, text) in _LABELLED_HISTOGRAMS.items():
            yield _histograms(name, label, text, getattr(self._metrics, name))

    def _plain(self) -> Iterator[Metric]:
        for name, text in _COUNTERS.items():
            yield CounterMetricFamily(_PREFIX + name, text, value=getattr(self._metrics, name))
        for name, text in _GAUGES.items():
            yield GaugeMetricFamily(_PREFIX + name, text, value=getattr(self._metrics, name))


def _labelled(family: CounterMetricFamily | GaugeMetricFamily, values: Labelled) -> Metric:
    for member, count in list(values.items()):
        family.add_metric([member.name.lower()], count)
    return family


def _table(name: str, labels: Sequence[str], text: str, table: Table) -> Metric:
    family = CounterMetricFamily(_PREFIX + name, text, labels=labels)
    for members, count in list(table.items()):
        family.add_metric([member.name.lower() for member in members], count)
    return family


def _histogram(name: str, text: str, histogram: Histogram) -> Metric:
    return HistogramMetricFamily(_PREFIX + name, text, buckets=_buckets(histogram), sum_value=histogram.total)


def _histograms(name: str, label: str, text: str, histograms: Mapping[Enum, Histogram]) -> Metric:
    family = HistogramMetricFamily(_PREFIX + name, text, labels=[label])
    for member, histogram in list(histograms.items()):
        family.add_metric([member.name.lower()], _buckets(histogram), histogram.total)
    return family


def _buckets(histogram: Histogram) -> list[tuple[str, int]]:
    bounds = [*map(str, histogram.bounds), "+Inf"]
    return list(zip(bounds, accumulate(histogram.counts), strict=True))


def _build_info() -> Metric:
    family = GaugeMetricFamily(_PREFIX + "build_info", "Version of the server.", labels=["version"])
    family.add_metric([__version__], 1)
    return family


class Exposition:
    """The text of `/metrics`."""

    def __init__(self, metrics: Metrics) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(MetricsCollector(metrics))
        ProcessCollector(registry=self._registry)

    def render(self) -> bytes:
        """All metrics in the Prometheus text format 0.0.4."""
        return generate_latest(self._registry)
