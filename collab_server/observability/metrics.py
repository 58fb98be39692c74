"""What is counted, as plain numbers that the event loop adds to and a scrape reads.

Owns the numbers and their cost: `+= 1` on a slot takes 0.02 µs, `Counter.inc()` of prometheus-client 0.3 µs
and a labelled one 2 µs. How they look to Prometheus is `exposition`'s. All calls come from the event loop's
thread. Labels are members of enums, never rooms or users.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from enum import Enum

from collab_server.errors import RefusalReason
from collab_server.observability.labels import MemoryKind, RoomState, Waiting


class ClientClose(Enum):
    """Why a connection ended that the server did not close; beside the server's own close reasons."""

    CLIENT_LEFT = "the client closed it"
    CONNECTION_LOST = "it broke without a close"


class Labelled(dict[Enum, int]):
    """A counter by one label: `counter[Reason.X] += 1`. The label's text is the member's lower-case name."""

    __slots__ = ()

    def __missing__(self, key: Enum) -> int:
        return 0


class Table(dict[tuple[Enum, ...], int]):
    """A counter by several labels: `counter[Lane.X, Kind.Y] += 1`."""

    __slots__ = ()

    def __missing__(self, key: tuple[Enum, ...]) -> int:
        return 0


class Histogram:
    """Counts of values at or under each bound, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


_WINDOW_BOUNDS = (0.0, 0.001, 0.002, 0.005, 0.010, 0.015, 0.020, 0.025, 0.030, 0.035, 0.040, 0.050, 0.100)
_LATENCY_BOUNDS = (
    0.001,
    0.002,
    0.005,
    0.010,
    0.020,
    0.030,
    0.040,
    0.050,
    0.075,
    0.100,
    0.250,
    0.5,
    1.0,
    2.5,
    10.0,
)
_COMMIT_BOUNDS = (0.0005, 0.001, 0.002, 0.005, 0.010, 0.025, 0.050, 0.100, 0.250, 0.5, 1.0, 2.5, 10.0)
_JOB_BOUNDS = (0.005, 0.010, 0.025, 0.050, 0.100, 0.250, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_DELTA_BOUNDS = (64, 256, 1_000, 4_000, 16_000, 64_000, 256_000, 1_000_000, 4_000_000, 16_000_000)
#: Close together where a stall begins to be felt.
_STALL_BOUNDS = (
    0.001,
    0.002,
    0.005,
    0.010,
    0.012,
    0.014,
    0.016,
    0.018,
    0.020,
    0.025,
    0.030,
    0.040,
    0.050,
    0.075,
    0.100,
    0.150,
    0.200,
    0.300,
    0.500,
    1.0,
    2.5,
    10.0,
)
_LAG_BOUNDS = (0.001, 0.002, 0.005, 0.010, 0.020, 0.050, 0.100, 0.250, 0.5, 1.0, 2.5)


class Metrics:
    """Every number of one server process. Counters only grow; gauges say what is now."""

    __slots__ = (
        "awareness_echoes_dropped",
        "awareness_frames_received",
        "awareness_frames_sent",
        "bytes_received",
        "bytes_sent",
        "cleanups_failed",
        "commit_seconds",
        "commits",
        "compaction_seconds",
        "compactions",
        "compactions_failed",
        "connections_closed",
        "connections_open",
        "connections_opened",
        "connections_refused",
        "delta_bytes",
        "deltas_flushed",
        "edit_latency_seconds",
        "flush_window_seconds",
        "frames_received",
        "frames_sent",
        "http_connections_open",
        "journal_bytes",
        "loop_busy_seconds",
        "loop_lag_max_seconds",
        "loop_lag_seconds",
        "loop_stall_seconds",
        "loop_step_max_seconds",
        "memory_bytes",
        "records_committed",
        "room_loads_failed",
        "rooms",
        "rooms_loaded",
        "rooms_open",
        "save_failures",
        "sessions_behind",
        "sessions_fell_behind",
        "sessions_open",
        "sessions_waiting",
        "structs_quarantined",
        "sync_steps_sent",
        "unsaved_bytes",
        "updates_accepted",
        "updates_held",
        "updates_known",
        "updates_received",
        "updates_refused",
        "worker_deaths",
        "worker_job_seconds",
        "worker_jobs",
        "worker_memory_bytes",
        "worker_queue",
    )

    def __init__(self, *, edit_budget_seconds: float = 0.150) -> None:
        self._begin_connections()
        self._begin_frames()
        self._begin_updates(edit_budget_seconds)
        self._begin_rooms()
        self._begin_saving()
        self._begin_process()

    def _begin_connections(self) -> None:
        self.connections_open = 0
        self.http_connections_open = 0
        self.connections_opened = 0
        self.connections_closed = Labelled(dict.fromkeys(ClientClose, 0))
        self.connections_refused = 0
        self.sessions_open = 0
        self.sessions_behind = 0
        self.sessions_fell_behind = 0
        self.sessions_waiting = Labelled(dict.fromkeys(Waiting, 0))

    def _begin_frames(self) -> None:
        self.frames_received = 0
        self.bytes_received = 0
        self.frames_sent = 0
        self.bytes_sent = 0
        self.sync_steps_sent = 0
        self.awareness_frames_received = 0
        self.awareness_frames_sent = 0
        self.awareness_echoes_dropped = 0

    def _begin_updates(self, edit_budget_seconds: float) -> None:
        self.updates_received = 0
        self.updates_accepted = 0
        self.updates_known = 0
        self.updates_held = 0
        self.updates_refused = Labelled(dict.fromkeys(RefusalReason, 0))
        self.deltas_flushed = 0
        self.delta_bytes = Histogram(_DELTA_BOUNDS)
        self.flush_window_seconds = Histogram(_WINDOW_BOUNDS)
        self.edit_latency_seconds = Histogram(sorted({*_LATENCY_BOUNDS, edit_budget_seconds}))

    def _begin_rooms(self) -> None:
        self.rooms_open = 0
        self.rooms = Labelled(dict.fromkeys(RoomState, 0))
        self.rooms_loaded = 0
        self.room_loads_failed = 0
        self.compactions = 0
        self.compactions_failed = 0
        self.cleanups_failed = 0
        self.structs_quarantined = 0
        self.compaction_seconds = Histogram(_JOB_BOUNDS)

    def _begin_saving(self) -> None:
        self.commits = 0
        self.records_committed = 0
        self.commit_seconds = Histogram(_COMMIT_BOUNDS)
        self.save_failures = 0
        self.unsaved_bytes = 0
        self.journal_bytes = 0

    def _begin_process(self) -> None:
        # Memory, by what it is for
        self.memory_bytes = Labelled(dict.fromkeys(MemoryKind, 0))
        # The event loop
        self.loop_lag_seconds = Histogram(_LAG_BOUNDS)
        self.loop_lag_max_seconds = 0.0
        self.loop_step_max_seconds = 0.0
        self.loop_stall_seconds = Histogram(_STALL_BOUNDS)
        self.loop_busy_seconds = Histogram(_STALL_BOUNDS)
        # Worker processes; see `prepare_workers`
        self.worker_jobs = Table()
        self.worker_deaths = Table()
        self.worker_job_seconds: dict[Enum, Histogram] = {}
        self.worker_queue = Labelled()
        self.worker_memory_bytes = Labelled()

    def prepare_workers(self, lanes: Iterable[Enum]) -> None:
        """Begin the numbers of each lane at zero, so that they are seen before its first job."""
        for lane in lanes:
            self.worker_job_seconds[lane] = Histogram(_JOB_BOUNDS)
            self.worker_queue[lane] = self.worker_memory_bytes[lane] = 0
