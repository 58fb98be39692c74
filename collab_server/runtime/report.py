"""What `/debug/rooms` says: the busiest rooms and the totals of the process, as plain values for JSON.

Owns the names and units of that answer. It holds counts, never rates: whoever asks twice divides by
`monotonic_seconds`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from collab_server.clock import Clock
from collab_server.observability.metrics import Histogram, Metrics
from collab_server.runtime.census import Census, RoomFacts
from collab_server.types import RoomOrder


async def report_rooms(
    census: Census,
    metrics: Metrics,
    *,
    order: RoomOrder,
    limit: int,
    clock: Clock,
    resident_bytes: int | None,
) -> dict[str, Any]:
    """The answer. `metrics` are to be up to date."""
    rooms = await census.busiest(order, limit)
    return {
        "monotonic_seconds": clock.monotonic(),
        "process": _process(metrics, resident_bytes),
        "by": order.value,
        "rooms": [_room(facts) for facts in rooms],
    }


def _process(metrics: Metrics, resident_bytes: int | None) -> dict[str, Any]:
    return {
        "resident_bytes": resident_bytes,
        "connections": metrics.connections_open,
        "sessions": metrics.sessions_open,
        "rooms": metrics.rooms_open,
        "behind": metrics.sessions_behind,
        "unsaved_bytes": metrics.unsaved_bytes,
        "edits": metrics.updates_accepted,
        "deltas": metrics.deltas_flushed,
        "loop_lag_max_seconds": metrics.loop_lag_max_seconds,
        "loop_step_max_seconds": metrics.loop_step_max_seconds,
        "memory_bytes": {kind.name.lower(): size for kind, size in metrics.memory_bytes.items()},
        "edit_latency_seconds": _histogram(metrics.edit_latency_seconds),
        "commit_seconds": _histogram(metrics.commit_seconds),
    }


def _histogram(histogram: Histogram) -> dict[str, Any]:
    """`counts` has one more than `bounds`: what is over the last."""
    return {"bounds": list(histogram.bounds), "counts": list(histogram.counts)}


def _room(facts: RoomFacts) -> dict[str, Any]:
    plain = asdict(facts)
    del plain["key"]
    names = {"tenant": facts.key.tenant, "room": facts.key.room}
    return {**names, **plain, "state": facts.state.name.lower()}
