"""Tables and chart of a results file, written into README.md. Nothing there is typed by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.chart import Bar, Panel, draw
from bench.plan import WORKLOADS, Kind
from bench.results import Results, Summary
from bench.systems import SYSTEMS, System
from bench.targets import check, show

_HERE = Path(__file__).parent
README = _HERE / "README.md"
CHART = _HERE / "chart.svg"
_BEGIN = "<!-- results: begin (python -m bench report) -->"
_END = "<!-- results: end -->"


@dataclass(frozen=True, slots=True)
class Column:
    """A value of a run under its heading."""

    heading: str
    name: str
    show: Callable[[float], str]
    spread: bool = False


def _micro(value: float) -> str:
    return show(value, "µs").removesuffix(" µs")


def _milli(value: float) -> str:
    return show(value, "ms").removesuffix(" ms")


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _two(value: float) -> str:
    return f"{value:.2f}"


def _megabytes(value: float) -> str:
    return f"{value / 1e6:.1f}"


def _percent(value: float) -> str:
    return f"{value:.0%}"


_LATENCY = (
    Column("p50 ms", "p50_ms", _milli),
    Column("p99 ms", "p99_ms", _milli, spread=True),
    Column("max ms", "max_ms", _milli),
)
_COLUMNS: dict[Kind, tuple[Column, ...]] = {
    "typing": (
        Column("CPU µs per delivered edit", "cpu_us_per_edit", _micro, spread=True),
        *_LATENCY,
        Column("core used", "cpu_share", _percent),
        Column("frames to clients/s", "frames_from_server_per_second", _whole),
        Column("RSS MB", "resident_mb", _whole),
    ),
    "storm": (
        Column("CPU µs per join", "cpu_us_per_join", _micro, spread=True),
        Column("of an empty room", "cpu_us_per_empty_join", _micro),
        Column("median synced s", "median_synced_seconds", _two),
        Column("last synced s", "last_synced_seconds", _two, spread=True),
        Column("RSS growth MB", "resident_growth_mb", _whole),
    ),
    "idle": (
        Column("bytes per connection", "bytes_per_connection", _whole, spread=True),
        Column("bytes per room", "bytes_per_room", _whole, spread=True),
        Column("CPU µs per join", "cpu_us_per_join", _micro),
        Column("RSS MB", "resident_mb", _whole),
    ),
    "cold": (
        Column("document MB", "document_bytes", _megabytes),
        Column("first synced s", "first_synced_seconds", _two, spread=True),
        Column("second synced s", "second_synced_seconds", _two),
        Column("longest stall ms", "stall_max_ms", _whole, spread=True),
        Column("RSS growth MB", "resident_growth_mb", _whole),
    ),
    "replay": (
        Column("CPU µs per edit", "cpu_us_per_edit", _micro, spread=True),
        Column("seconds", "seconds", _two),
        Column("edits/s", "edits_per_second", _whole),
        *_LATENCY,
        Column("RSS MB", "resident_mb", _whole),
    ),
}
_STATES = Column("CPU µs per learnt state", "cpu_us_per_state", _micro, spread=True)
#: What is added where our server's loop was probed.
_STALLS = (
    Column("longest stall ms", "stall_max_ms", _whole, spread=True),
    Column("own work in it ms", "busy_max_ms", _whole),
    Column("stalls > 20 ms", "stalls_over_20_ms", _whole),
    Column("last visitor synced s", "visitors_last_synced_seconds", _two),
    Column("RSS growth MB", "resident_growth_mb", _whole),
)
#: What the chart shows of each workload.
_CHARTED = {
    "class": ("cpu_us_per_edit", "class: CPU µs per delivered edit"),
    "lecture": ("cpu_us_per_edit", "lecture: CPU µs per delivered edit"),
    "school": ("cpu_us_per_edit", "school: CPU µs per delivered edit"),
    "presence": ("cpu_us_per_state", "presence: CPU µs per learnt state"),
    "storm": ("cpu_us_per_join", "storm: CPU µs per join, document of 223 kB"),
    "storm-large": ("cpu_us_per_join", "storm-large: CPU µs per join, document of 4 MB"),
    "lone": ("p50_ms", "lone: p50, ms"),
    "idle": ("bytes_per_connection", "idle: bytes per connection"),
}


def write(results: Results) -> None:
    """Write chart.svg, and the block between the markers of README.md."""
    CHART.write_text(draw("Less is better. Same work, same run, one core each.", list(_panels(results))))
    before, _, rest = README.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    README.write_text(f"{before}{_BEGIN}\n{block(results)}\n{_END}{after}")


def block(results: Results) -> str:
    """The generated part of the README, as Markdown."""
    parts = [_facts(results), "![CPU, latency and memory of each server](chart.svg)", _targets(results)]
    parts.extend(_workload(results, name) for name in results.workloads())
    return "\n\n".join(parts)


def _facts(results: Results) -> str:
    m, options = results.machine, results.options
    packages = ", ".join(f"{name} {version}" for name, version in {**m["packages"], **m["peers"]}.items())
    size = "full size" if options.scale == 1 else f"{options.scale:.2g} of the full size"
    tree = "" if m["clean"] else ", with uncommitted changes"
    return "\n".join(
        (
            f"Run on {m['date']} at commit {m['commit']}{tree}, {size}.",
            f"{m['processor']}, {m['cores']} cores, {m['memory_gb']} GB, Linux {m['kernel']}, "
            f"{m['filesystem']}; load before the run {m['load_before']}.",
            f"Python {m['python']}, Node {m['node']}; {packages}.",
            f"One `send` of a small frame costs {results.costs.send_us:.1f} µs here, one read "
            f"{results.costs.read_us:.1f} µs.",
        )
    )


def _targets(results: Results) -> str:
    head = ("workload", "target", "limit", "ours", "best peer", "floor", "verdict")
    rows = [
        (row.workload, row.target, row.limit, row.ours, row.best_peer, row.floor, row.verdict)
        for row in check(results)
    ]
    return "### Targets\n\n" + _markdown(head, rows)


def _workload(results: Results, name: str) -> str:
    workload = results.options.apply(WORKLOADS[name])
    columns = _COLUMNS[workload.kind]
    if workload.awareness_per_second:
        columns = (_STATES, *columns)
    if workload.ours_only and workload.kind == "typing":
        columns = (*columns, *_STALLS)
    rows = [_row(system, results.summary(name, system.name), columns) for system in SYSTEMS.values()]
    head = ("server", *(column.heading for column in columns), "lost")
    least = results.least_us(name)
    below = "" if least is None else f"\n\nFloor of system calls: {_micro(least)} µs."
    table = _markdown(head, [row for row in rows if row])
    return f"### {name}\n\n{workload.summary}. {_runs(results, name)}\n\n{table}{below}"


def _runs(results: Results, name: str) -> str:
    counts = {s.runs for system in SYSTEMS if (s := results.summary(name, system))}
    most = max(counts)
    return "One run each." if most == 1 else f"Median of {most} runs, lowest and highest in brackets."


def _row(system: System, summary: Summary | None, columns: Iterable[Column]) -> tuple[str, ...]:
    if summary is None:
        return ()
    cells = [_cell(summary, column) for column in columns]
    lost = f"{summary.lost:,}" if summary.counts else f"does not count: {summary.trouble}"
    return (system.label, *cells, lost)


def _cell(summary: Summary, column: Column) -> str:
    value = summary.value(column.name)
    if value is None:
        return "–"
    low, high = summary.spread[column.name]
    wide = column.spread and summary.counted > 1
    return column.show(value) + (f" ({column.show(low)}–{column.show(high)})" if wide else "")


def _markdown(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines.extend("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
    return "\n".join(lines)


def _panels(results: Results) -> Iterable[Panel]:
    for workload, (name, title) in _CHARTED.items():
        if workload in results.workloads():
            yield Panel(title, list(_bars(results, workload, name)))


def _bars(results: Results, workload: str, name: str) -> Iterable[Bar]:
    for system in SYSTEMS.values():
        summary = results.summary(workload, system.name)
        if summary is None:
            continue
        value = summary.value(name)
        shown = "" if value is None else (_whole(value) if value >= 100 else f"{value:.2f}")
        yield Bar(system.label, system.role, value, shown, note="did not deliver everything in time")
