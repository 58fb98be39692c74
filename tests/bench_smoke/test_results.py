"""Medians, what counts, the verdicts, the report."""

from pathlib import Path
from typing import Any

import pytest

from bench import report
from bench.plan import WORKLOADS
from bench.results import Options, Results
from bench.syscalls import Costs, least_us
from bench.targets import check, missed

MACHINE: dict[str, Any] = {
    "date": "2026-01-01 00:00 UTC",
    "processor": "a processor",
    "cores": 2,
    "memory_gb": 8.0,
    "kernel": "6",
    "filesystem": "ext4",
    "load_before": 0.1,
    "python": "3.11",
    "node": "v20",
    "packages": {"picows": "2.3.1"},
    "peers": {"yjs": "13"},
    "commit": "abc",
    "clean": True,
}


def typed(system: str, workload: str, cpu: float, *, p99: float = 20.0, **changes: Any) -> dict[str, Any]:
    values = {"system": system, "workload": workload, "cpu_us_per_edit": cpu, "p50_ms": 5.0, "p99_ms": p99}
    return values | {"lost": 0, "expected": 10, "replicas_equal": True, "failure": None} | changes


def results(*runs: dict[str, Any]) -> Results:
    return Results(MACHINE, Options(), Costs(send_us=4.0, read_us=2.0), list(runs))


def verdicts(found: Results, workload: str) -> dict[str, str]:
    return {row.target: row.verdict for row in check(found) if row.workload == workload}


def test_median_and_spread_over_the_runs_that_count() -> None:
    runs = [typed("ours", "class", cpu) for cpu in (3.0, 9.0, 4.0)]
    bad = typed("ours", "class", 0.1, lost=2)
    summary = results(*runs, bad).ours("class")
    assert summary is not None
    assert summary.values["cpu_us_per_edit"] == 4.0
    assert summary.spread["cpu_us_per_edit"] == (3.0, 9.0)
    assert (summary.counted, summary.runs, summary.lost) == (3, 4, 2)
    assert summary.trouble == "2 of 10 not delivered in time"


def test_the_best_peer_is_one_that_delivered() -> None:
    found = results(
        typed("y-websocket", "class", 30.0),
        typed("hocuspocus", "class", 20.0),
        typed("pycrdt-websocket", "class", 1.0, lost=5),
        typed("floor", "class", 0.5),
    )
    best = found.best_peer("class", "cpu_us_per_edit")
    assert best is not None
    assert best.system == "hocuspocus"


def test_class_meets_or_misses_a_fifth_of_the_best_peer() -> None:
    peer = typed("y-websocket", "class", 30.0)
    good = verdicts(results(peer, typed("ours", "class", 5.9)), "class")
    assert good["CPU per delivered edit ≤ 1/5 of the best peer"] == "met"
    poor = verdicts(results(peer, typed("ours", "class", 6.1, p99=51.0)), "class")
    assert poor["CPU per delivered edit ≤ 1/5 of the best peer"] == "MISSED"
    assert poor["p99 of edits ≤ 50 ms"] == "MISSED"


@pytest.mark.parametrize("trouble", [{"lost": 1}, {"replicas_equal": False}, {"failure": "it broke"}])
def test_a_run_that_is_not_sound_misses_its_target(trouble: dict[str, Any]) -> None:
    found = results(typed("ours", "class", 1.0), typed("ours", "class", 1.0, **trouble))
    assert verdicts(found, "class")["loss 0, replicas equal"] == "MISSED"
    assert missed(check(found))


def test_what_was_not_run_is_not_judged() -> None:
    found = results(typed("ours", "class", 1.0))
    assert verdicts(found, "school") == {"CPU per delivered edit ≤ 1.6 × floor": "not measured"}
    assert not missed(check(found))


def test_a_storm_may_cost_a_tenth_and_the_handshake() -> None:
    def storm(system: str, cpu: float, last: float = 1.0, empty: float = 300.0) -> dict[str, Any]:
        values = {"cpu_us_per_join": cpu, "cpu_us_per_empty_join": empty, "last_synced_seconds": last}
        return typed(system, "storm", 0.0) | values

    found = results(storm("pycrdt-websocket", 2000.0), storm("floor", 350.0), storm("ours", 499.0, 1.4))
    assert set(verdicts(found, "storm").values()) == {"met"}
    found = results(storm("pycrdt-websocket", 2000.0), storm("floor", 350.0), storm("ours", 501.0, 1.6))
    assert list(verdicts(found, "storm").values()) == ["met", "MISSED", "MISSED"]


def test_the_least_that_system_calls_cost() -> None:
    costs = Costs(send_us=4.0, read_us=2.0)
    # 300 clients × 20 windows × 4 µs, and 600 reads × 2 µs, over 600 × 299 deliveries.
    assert least_us(WORKLOADS["lecture"], costs) == pytest.approx((24_000 + 1_200) / 179_400)
    # Rooms where edits are rarer than windows: a send for each delivery, a read for each edit.
    assert least_us(WORKLOADS["school"], costs) == pytest.approx(4 + 2 / 4)
    assert least_us(WORKLOADS["storm"], costs) is None


def test_a_file_of_results_reads_as_it_was_written(tmp_path: Path) -> None:
    found = results(typed("ours", "class", 1.0))
    found.save(tmp_path / "results.json")
    assert Results.load(tmp_path / "results.json") == found


def test_the_report_replaces_what_stands_between_its_markers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readme, chart = tmp_path / "README.md", tmp_path / "chart.svg"
    original = report.README.read_text()
    readme.write_text(original)
    monkeypatch.setattr(report, "README", readme)
    monkeypatch.setattr(report, "CHART", chart)
    found = results(typed("ours", "class", 4.0), typed("y-websocket", "class", 31.25))
    report.write(found)
    once = readme.read_text()
    report.write(found)
    assert readme.read_text() == once
    assert "31.2" in once
    assert once.startswith(original.partition("<!-- results: begin")[0])
    assert once.endswith(original.partition("<!-- results: end -->")[2])
    assert "class: CPU" in chart.read_text()
