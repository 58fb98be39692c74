"""Answers of `/debug/rooms` as tests want them."""

from __future__ import annotations

from typing import Any

BOUNDS = (0.01, 0.02, 0.1)


def room(name: str, **values: Any) -> dict[str, Any]:
    return {
        "tenant": "default", "room": name, "state": "occupied", "sessions": 1, "behind": 0, "waiting": 0,
        "document_bytes": 1_000, "tail_bytes": 200, "memory_bytes": 400, "edits": 0, "recent_edits": 0,
        "version": 0, "unsaved_versions": 0, "base_age_seconds": None, **values,
    }  # fmt: skip


def answer(
    *rooms: dict[str, Any], at: float = 100.0, latency: tuple[int, ...] = (0, 0, 0, 0), **process: Any
) -> dict[str, Any]:
    histogram = {"bounds": BOUNDS, "counts": latency}
    return {
        "monotonic_seconds": at,
        "by": "bytes",
        "process": {
            "resident_bytes": 70_000_000, "connections": 3, "sessions": 2, "rooms": len(rooms), "behind": 0,
            "unsaved_bytes": 0, "edits": 0, "deltas": 0, "loop_lag_max_seconds": 0.0031,
            "loop_step_max_seconds": 0.002, "memory_bytes": {"index": 5_000, "base_cache": 1_500_000},
            "edit_latency_seconds": histogram, "commit_seconds": histogram, **process,
        },
        "rooms": rooms,
    }  # fmt: skip
