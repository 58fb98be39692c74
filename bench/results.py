"""The results file of a benchmark: written once per run, read by the report and the check.

A file holds the machine's facts, the options, the measured cost of system calls and every single run. What
is shown is the median over the repetitions that count: everything delivered, replicas equal, nothing
failed.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.plan import WORKLOADS, Workload
from bench.syscalls import Costs, least_us
from bench.systems import SYSTEMS, Role


@dataclass(frozen=True, slots=True)
class Options:
    """How the benchmark was run."""

    scale: float = 1.0
    seconds: float | None = None
    repetitions: int | None = None

    def apply(self, workload: Workload) -> Workload:
        changed = workload.scaled(self.scale)
        if self.seconds is not None:
            changed = dataclasses.replace(changed, seconds=self.seconds)
        if self.repetitions is not None:
            changed = dataclasses.replace(changed, repetitions=self.repetitions)
        return changed


@dataclass(frozen=True, slots=True)
class Summary:
    """One system under one workload. `values` are medians, `spread` (lowest, highest), by name."""

    system: str
    workload: str
    runs: int
    counted: int
    values: dict[str, float]
    spread: dict[str, tuple[float, float]]
    lost: int
    trouble: str | None

    @property
    def counts(self) -> bool:
        return self.counted > 0

    def value(self, name: str) -> float | None:
        return self.values.get(name)


@dataclass(frozen=True, slots=True)
class Results:
    """A whole results file."""

    machine: dict[str, Any]
    options: Options
    costs: Costs
    runs: list[dict[str, Any]]

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(dataclasses.asdict(self), indent=1)
        path.write_text(text + "\n")

    @classmethod
    def load(cls, path: Path) -> Results:
        raw = json.loads(path.read_text())
        return cls(raw["machine"], Options(**raw["options"]), Costs(**raw["costs"]), raw["runs"])

    def summary(self, workload: str, system: str) -> Summary | None:
        """The repetitions of one system under one workload, or None if there are none."""
        runs = [run for run in self.runs if (run["workload"], run["system"]) == (workload, system)]
        return summarise(workload, system, runs) if runs else None

    def ours(self, workload: str) -> Summary | None:
        return self.summary(workload, "ours")

    def floor(self, workload: str) -> Summary | None:
        return self.summary(workload, "floor")

    def best_peer(self, workload: str, name: str) -> Summary | None:
        """The peer with the lowest `name` among those whose runs count."""
        peers = [self.summary(workload, system) for system in systems_in_role("peer")]
        ranked = [
            (peer.values[name], n, peer) for n, peer in enumerate(peers) if peer and name in peer.values
        ]
        return min(ranked)[2] if ranked else None

    def least_us(self, workload: str) -> float | None:
        """The computed floor of system calls for a workload as it was run."""
        return least_us(self.options.apply(WORKLOADS[workload]), self.costs)

    def workloads(self) -> list[str]:
        """Names of the workloads in this file, in the order of the plan."""
        present = {run["workload"] for run in self.runs}
        return [name for name in WORKLOADS if name in present]


def systems_in_role(role: Role) -> list[str]:
    return [system.name for system in SYSTEMS.values() if system.role == role]


def run_counts(run: dict[str, Any]) -> bool:
    """Whether a run's figures may be shown as such: everything arrived, everybody has the same document."""
    return not run.get("failure") and run.get("lost") == 0 and bool(run.get("replicas_equal"))


def summarise(workload: str, system: str, runs: list[dict[str, Any]]) -> Summary:
    """Medians and spread over the runs that count; what went wrong in the others."""
    good = [run for run in runs if run_counts(run)]
    names = {name for run in good for name, value in run.items() if _is_number(value)}
    columns = {name: [run[name] for run in good if _is_number(run.get(name))] for name in sorted(names)}
    return Summary(
        system=system,
        workload=workload,
        runs=len(runs),
        counted=len(good),
        values={name: statistics.median(column) for name, column in columns.items()},
        spread={name: (min(column), max(column)) for name, column in columns.items()},
        lost=sum(run.get("lost") or 0 for run in runs),
        trouble=_trouble(run for run in runs if not run_counts(run)),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _trouble(runs: Iterable[dict[str, Any]]) -> str | None:
    for run in runs:
        if run.get("failure"):
            return str(run["failure"]).strip().splitlines()[-1]
        if run.get("lost"):
            return f"{run['lost']:,} of {run.get('expected', run.get('edits', '?')):,} not delivered in time"
        return "replicas differ"
    return None
