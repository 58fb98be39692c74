"""Our server's own figures of its event loop and compactions, read from `/metrics`.

Owns how they are read and what is made of two readings; knows nothing of who asks.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

_LIMIT_SECONDS = 30.0
_STALLS, _BUSY = "collab_loop_stall_seconds_bucket", "collab_loop_busy_seconds_bucket"
_COMPACTIONS = "collab_compactions_total"
TARGET_MS = 20.0


@dataclass(frozen=True, slots=True)
class Reading:
    """One scrape: value by metric name, labels included."""

    values: dict[str, float]

    def since(self, before: Reading) -> dict[str, object]:
        """What happened between two readings. The maxima are upper bounds: of the bucket they fell into."""
        return {
            "stall_max_ms": _highest(_buckets(self, before, _STALLS)),
            "stalls_over_20_ms": _over(_buckets(self, before, _STALLS), TARGET_MS),
            "busy_max_ms": _highest(_buckets(self, before, _BUSY)),
            "compactions": self.values.get(_COMPACTIONS, 0.0) - before.values.get(_COMPACTIONS, 0.0),
        }


async def first_scrape(port: int) -> Reading:
    """The reading to compare with. Not the very first, for which the server imports its HTTP modules."""
    await scrape(port)
    return await scrape(port)


async def scrape(port: int) -> Reading:
    """Read the metrics of the server on a loopback port."""
    async with asyncio.timeout(_LIMIT_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
    return read(answer.decode())


def read(text: str) -> Reading:
    """The values in a scrape, in the text format of Prometheus; other lines are passed over."""
    values = {}
    for line in text.splitlines():
        name, _, value = line.rpartition(" ")
        if name.startswith("collab_"):
            values[name] = float(value)
    return Reading(values)


def _buckets(after: Reading, before: Reading, name: str) -> list[tuple[float, float]]:
    """(upper bound in ms, values that fell into the bucket), ascending; the last bound is infinite."""
    counts = []
    below = 0.0
    for key, value in after.values.items():
        if key.startswith(name):
            bound = float(key.partition('le="')[2].partition('"')[0])
            so_far = value - before.values.get(key, 0.0)
            counts.append((bound * 1000, so_far - below))
            below = so_far
    return counts


def _highest(buckets: list[tuple[float, float]]) -> float | None:
    seen = [bound for bound, count in buckets if count]
    return round(seen[-1], 3) if seen else None


def _over(buckets: list[tuple[float, float]], milliseconds: float) -> int:
    return int(sum(count for bound, count in buckets if bound > milliseconds + 1e-6))
