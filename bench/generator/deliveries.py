"""Which edits reached which client and when: latencies, deliveries inside the window, loss.

Works on what the clients noted, after the run. An edit counts as delivered to a client when the first
update that carries its clock arrived there. The author's own copy is not a delivery.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.generator.updates import FIRST_STORED_CLIENT, Delta

#: Latencies are counted in buckets of 10 µs.
_BUCKETS_PER_SECOND = 100_000


@dataclass(slots=True)
class Window:
    """The measured seconds, as perf_counter times: `start` ≤ t < `end`."""

    start: float
    end: float

    def holds(self, moment: float) -> bool:
        return self.start <= moment < self.end


@dataclass(slots=True)
class Tally:
    """Sums over clients. `latencies` (10 µs buckets) are of edits that left inside the window."""

    expected: int = 0
    delivered: int = 0
    in_window: int = 0
    latencies: Counter[int] = field(default_factory=Counter)

    @property
    def lost(self) -> int:
        return self.expected - self.delivered

    def percentile_ms(self, fraction: float) -> float | None:
        return percentile(self.latencies, fraction, 1000 / _BUCKETS_PER_SECOND)


def percentile(histogram: Mapping[int, int], fraction: float, unit: float) -> float | None:
    """Value below which `fraction` of the counted values lie, times `unit`; None of nothing."""
    total = sum(histogram.values())
    if not total:
        return None
    rank = fraction * (total - 1)
    seen = 0
    for bucket in sorted(histogram):
        seen += histogram[bucket]
        if seen > rank:
            return bucket * unit
    raise AssertionError("unreachable: the ranks end below the total")


class Arrivals:
    """What one client has of each author, fed batch by batch in the order of arrival."""

    def __init__(self, own: int) -> None:
        self._own = own
        self._next: dict[int, int] = {}
        self._ahead: dict[int, set[int]] = {}

    def take(self, delta: Delta) -> Iterable[tuple[int, int, int]]:
        """Yield the ranges of `delta` that are new to this client, foreign authors only."""
        for client, start, end in delta.runs:
            if client == self._own:
                continue
            following = self._next.get(client, 0)
            if start > following or client in self._ahead:
                yield from self._piecewise(client, max(start, following), end)
            elif end > following:
                self._next[client] = end
                yield client, following, end

    def _piecewise(self, client: int, start: int, end: int) -> Iterable[tuple[int, int, int]]:
        """Clock by clock, while something of this author lies ahead of a gap."""
        ahead = self._ahead.setdefault(client, set())
        for clock in range(start, end):
            if clock not in ahead:
                ahead.add(clock)
                yield client, clock, clock + 1
        following = self._next.get(client, 0)
        while following in ahead:
            ahead.discard(following)
            following += 1
        self._next[client] = following
        if not ahead:
            del self._ahead[client]


def tally_client(
    own: int,
    arrivals: Iterable[tuple[float, int]],
    batches: Sequence[Delta],
    sent: Mapping[int, Sequence[float]],
    window: Window,
    into: Tally,
) -> None:
    """Add one client's deliveries to `into`. `sent`: departure times by clock of each author in its room."""
    into.expected += sum(len(times) for author, times in sent.items() if author != own)
    known = Arrivals(own)
    start, end = window.start, window.end
    latencies = into.latencies
    for moment, batch in arrivals:
        count = 0
        for author, first, last in known.take(batches[batch]):
            if author >= FIRST_STORED_CLIENT:
                continue  # was there before anybody came
            count += last - first
            times = sent[author]
            for clock in range(first, last):
                left = times[clock]
                if start <= left < end:
                    latencies[int((moment - left) * _BUCKETS_PER_SECOND)] += 1
        into.delivered += count
        if start <= moment < end:
            into.in_window += count
