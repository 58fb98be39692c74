"""The targets and the verdict on each: ours beside the best peer and the floor.

Loss and the p99 are met without exception. A target whose workload or peers are missing in the results is
reported as not measured, which counts as missed only when everything was asked for (scale 1, all workloads).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from bench.plan import COLD
from bench.results import Results, Summary

Verdict = Literal["met", "MISSED", "not measured"]

_P99_MS = 50.0
_STALL_MS = 20.0
_KILOBYTE = 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the check: what is asked, what was found, what it is compared with."""

    workload: str
    target: str
    limit: str
    ours: str
    best_peer: str
    floor: str
    verdict: Verdict


def check(results: Results) -> list[Row]:
    """The verdict on every target, in the order of the workloads."""
    rows: list[Row] = []
    for judge in (_sound, _class, _lecture, _lone, _school, _storms, _presence, _idle, _stalls):
        rows.extend(judge(results))
    return rows


def missed(rows: Iterable[Row]) -> bool:
    return any(row.verdict == "MISSED" for row in rows)


def _sound(results: Results) -> Iterable[Row]:
    """Everything delivered, replicas equal, nothing failed, in every repetition of every workload."""
    for workload in results.workloads():
        ours = results.ours(workload)
        if ours is None:
            continue
        good = ours.counted == ours.runs
        found = f"{ours.lost} lost, {ours.counted} of {ours.runs} runs sound"
        verdict: Verdict = "met" if good else "MISSED"
        yield Row(workload, "loss 0, replicas equal", "0", found, "", ours.trouble or "", verdict)


def _class(results: Results) -> Iterable[Row]:
    yield _against_peer(results, "class", "cpu_us_per_edit", "CPU per delivered edit", 1 / 5)
    yield _p99(results, "class")


def _lecture(results: Results) -> Iterable[Row]:
    yield _against_peer(results, "lecture", "cpu_us_per_edit", "CPU per delivered edit", 1 / 10)
    yield _p99(results, "lecture")


def _lone(results: Results) -> Iterable[Row]:
    yield _against_peer(results, "lone", "p50_ms", "p50 of a lone typist", 1, unit="ms")


def _school(results: Results) -> Iterable[Row]:
    workload, name = "school", "cpu_us_per_edit"
    ours, floor = results.ours(workload), results.floor(workload)
    limit = _times(floor, name, 1.6)
    yield Row(
        workload,
        "CPU per delivered edit ≤ 1.6 × floor",
        show(limit, "µs"),
        _value(ours, name, "µs"),
        _best(results, workload, name, "µs"),
        _floor(results, workload, name),
        _compare(ours, name, limit),
    )


def _storms(results: Results) -> Iterable[Row]:
    for workload in ("storm", "storm-large"):
        yield _join_cost(results, workload)
        yield _last_synced(results, workload)


def _join_cost(results: Results, workload: str) -> Row:
    name = "cpu_us_per_join"
    ours, peer, floor = (
        results.ours(workload),
        results.best_peer(workload, name),
        results.floor(workload),
    )
    handshake = floor.value("cpu_us_per_empty_join") if floor else None
    limit = None
    if peer is not None and handshake is not None:
        limit = peer.values[name] / 10 + handshake
    return Row(
        workload,
        f"CPU per join ≤ 1/10 of the best peer + handshake ({show(handshake, 'µs')})",
        show(limit, "µs"),
        _value(ours, name, "µs"),
        _best(results, workload, name, "µs"),
        _value(floor, name, "µs"),
        _compare(ours, name, limit),
    )


def _last_synced(results: Results, workload: str) -> Row:
    """Bytes on the wire decide: at most half as long again as the floor, which only writes them."""
    name = "last_synced_seconds"
    ours, floor = results.ours(workload), results.floor(workload)
    limit = _times(floor, name, 1.5)
    return Row(
        workload,
        "last client synced ≤ 1.5 × floor",
        show(limit, "s"),
        _value(ours, name, "s"),
        _best(results, workload, name, "s"),
        _value(floor, name, "s"),
        _compare(ours, name, limit),
    )


def _presence(results: Results) -> Iterable[Row]:
    yield _against_peer(results, "presence", "cpu_us_per_state", "CPU per learnt state", 1 / 20)
    yield _p99(results, "presence")


def _idle(results: Results) -> Iterable[Row]:
    for name, target, limit in (
        ("bytes_per_connection", "memory per idle connection ≤ 11 kB", 11 * _KILOBYTE),
        ("bytes_per_room", "memory per open quiet room ≤ 6 kB", 6 * _KILOBYTE),
    ):
        yield Row(
            "idle",
            target,
            show(limit, "B"),
            _value(results.ours("idle"), name, "B"),
            _best(results, "idle", name, "B"),
            _value(results.floor("idle"), name, "B"),
            _compare(results.ours("idle"), name, limit),
        )


def _stalls(results: Results) -> Iterable[Row]:
    """A large document elsewhere or clients that do not read are felt by half at most; no step is long."""
    alone = results.ours("class")
    for workload in ("snapshot", "snapshot-large", "slow"):
        ours = results.ours(workload)
        limit = _times(alone, "p99_ms", 1.5)
        p99 = _value(ours, "p99_ms", "ms")
        verdict = _compare(ours, "p99_ms", limit)
        yield Row(workload, "p99 of edits ≤ 1.5 × class", show(limit, "ms"), p99, "–", "–", verdict)
    for workload in (*COLD, "snapshot", "snapshot-large", "slow"):
        ours = results.ours(workload)
        found = _value(ours, "stall_max_ms", "ms")
        verdict = _compare(ours, "stall_max_ms", _STALL_MS)
        yield Row(workload, "longest stall ≤ 20 ms", show(_STALL_MS, "ms"), found, "–", "–", verdict)


def _against_peer(
    results: Results, workload: str, name: str, what: str, share: float, *, unit: str = "µs"
) -> Row:
    peer = results.best_peer(workload, name)
    limit = _times(peer, name, share)
    part = "" if share == 1 else f"1/{round(1 / share)} of "
    return Row(
        workload,
        f"{what} ≤ {part}the best peer",
        show(limit, unit),
        _value(results.ours(workload), name, unit),
        _best(results, workload, name, unit),
        _floor(results, workload, name) if unit == "µs" else _value(results.floor(workload), name, unit),
        _compare(results.ours(workload), name, limit),
    )


def _p99(results: Results, workload: str) -> Row:
    ours = results.ours(workload)
    return Row(
        workload,
        "p99 of edits ≤ 50 ms",
        show(_P99_MS, "ms"),
        _value(ours, "p99_ms", "ms"),
        _best(results, workload, "p99_ms", "ms"),
        _value(results.floor(workload), "p99_ms", "ms"),
        _compare(ours, "p99_ms", _P99_MS),
    )


def _compare(ours: Summary | None, name: str, limit: float | None) -> Verdict:
    value = ours.value(name) if ours else None
    if value is None or limit is None:
        return "not measured"
    return "met" if value <= limit else "MISSED"


def _times(summary: Summary | None, name: str, factor: float) -> float | None:
    value = summary.value(name) if summary else None
    return None if value is None else value * factor


def _value(summary: Summary | None, name: str, unit: str) -> str:
    return show(summary.value(name) if summary else None, unit)


def _best(results: Results, workload: str, name: str, unit: str) -> str:
    peer = results.best_peer(workload, name)
    return f"{_value(peer, name, unit)} ({peer.system})" if peer else "–"


def _floor(results: Results, workload: str, name: str) -> str:
    """The bare relay's figure and the computed floor of system calls."""
    relay = _value(results.floor(workload), name, "µs")
    least = show(results.least_us(workload), "µs")
    return f"{relay}; system calls {least}"


_SHOWN: dict[str, Callable[[float], str]] = {
    "µs": lambda value: f"{value:.2f} µs" if value < 10 else f"{value:,.1f} µs",
    "ms": lambda value: f"{value:.2f} ms" if value < 10 else f"{value:,.1f} ms",
    "s": lambda value: f"{value:.2f} s",
    "B": lambda value: f"{value:,.0f} B",
}


def show(value: float | None, unit: str) -> str:
    """A value with its unit, or a dash."""
    return "–" if value is None else _SHOWN[unit](value)
