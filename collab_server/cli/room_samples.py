"""What a server says of its rooms at one moment, and what happened between two of them.

Owns the form of the answer of `/debug/rooms` as a reader sees it, rates, and quantiles of histograms. Draws
nothing and asks nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from pydantic import BaseModel, ConfigDict

from collab_server.types import RoomOrder


class _Part(BaseModel):
    # A newer server may say more; what is here must be there.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Histogram(_Part):
    bounds: tuple[float, ...]
    counts: tuple[int, ...]

    def since(self, before: Histogram | None) -> Histogram:
        """What was counted after `before`; all of it if the server was started anew."""
        if before is None or before.bounds != self.bounds:
            return self
        counts = tuple(now - then for now, then in zip(self.counts, before.counts, strict=True))
        return self if min(counts) < 0 else Histogram(bounds=self.bounds, counts=counts)

    def quantile(self, part: float) -> float | None:
        """About the value under which that part of the values lies; None without values, infinite past the
        last bound.
        """
        total = sum(self.counts)
        if not total:
            return None
        for number, reached in enumerate(accumulate(self.counts)):
            if reached >= part * total:
                return self._within(number, reached, part * total)
        return None

    def _within(self, number: int, reached: int, wanted: float) -> float:
        if number == len(self.bounds):
            return float("inf")
        low = self.bounds[number - 1] if number else 0.0
        count = self.counts[number]
        # As Prometheus does it: values are spread evenly between two bounds.
        return low + (self.bounds[number] - low) * (1 - (reached - wanted) / count if count else 1.0)


class ProcessSample(_Part):
    resident_bytes: int | None
    connections: int
    sessions: int
    rooms: int
    behind: int
    unsaved_bytes: int
    edits: int
    deltas: int
    loop_lag_max_seconds: float
    loop_step_max_seconds: float
    memory_bytes: Mapping[str, int]
    edit_latency_seconds: Histogram
    commit_seconds: Histogram


class RoomSample(_Part):
    tenant: str
    room: str
    state: str
    sessions: int
    behind: int
    waiting: int
    document_bytes: int
    tail_bytes: int
    memory_bytes: int
    edits: int
    recent_edits: int
    version: int
    unsaved_versions: int
    base_age_seconds: float | None


class Sample(_Part):
    """One answer. `monotonic_seconds` is the server's."""

    monotonic_seconds: float
    process: ProcessSample
    rooms: tuple[RoomSample, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A room with its rates, which are None until it was seen twice."""

    room: RoomSample
    edits_per_second: float | None
    deltas_per_second: float | None


@dataclass(frozen=True, slots=True)
class Picture:
    """What there is to show. Latencies are of the time between the samples."""

    process: ProcessSample
    edits_per_second: float | None
    deltas_per_second: float | None
    edit_latency: Histogram
    commit: Histogram
    rows: Sequence[Row]


def compare(before: Sample | None, now: Sample, *, by: RoomOrder) -> Picture:
    """The later of two samples, with what happened in between."""
    seconds = 0.0 if before is None else now.monotonic_seconds - before.monotonic_seconds
    known = {} if before is None else {(room.tenant, room.room): room for room in before.rooms}
    rows = [_row(known.get((room.tenant, room.room)), room, seconds) for room in now.rooms]
    if by is RoomOrder.EDITS:
        rows.sort(key=lambda row: (row.edits_per_second or 0.0, row.room.recent_edits), reverse=True)
    earlier = None if before is None else before.process
    return Picture(
        now.process,
        None if earlier is None else _rate(earlier.edits, now.process.edits, seconds),
        None if earlier is None else _rate(earlier.deltas, now.process.deltas, seconds),
        now.process.edit_latency_seconds.since(None if earlier is None else earlier.edit_latency_seconds),
        now.process.commit_seconds.since(None if earlier is None else earlier.commit_seconds),
        rows,
    )


def _row(before: RoomSample | None, now: RoomSample, seconds: float) -> Row:
    if before is None:
        return Row(now, None, None)
    return Row(now, _rate(before.edits, now.edits, seconds), _rate(before.version, now.version, seconds))


def _rate(before: int, now: int, seconds: float) -> float | None:
    """Per second; None if the count began anew, as it does when a room is opened again."""
    return (now - before) / seconds if seconds > 0 and now >= before else None
