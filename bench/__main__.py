"""`python -m bench`: run the benchmark, check its targets, write the report. See README.md."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench import documents, machine, report, runner, syscalls
from bench.plan import WORKLOADS, Workload
from bench.processes import Cores
from bench.results import Options, Results, run_counts
from bench.systems import SYSTEMS, install_peers
from bench.targets import Row, check, missed

LATEST = runner.RESULTS / "latest.json"
PUBLISHED = runner.RESULTS / "published.json"

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
#: For a file or a pipe, which have no width of their own.
_PLAIN_WIDTH = 170
_console = Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH)


@app.command()
def run(
    *,
    workloads: Annotated[str, typer.Option(help="Comma-separated names.")] = ",".join(WORKLOADS),
    systems: Annotated[str, typer.Option(help="Comma-separated names.")] = ",".join(SYSTEMS),
    scale: Annotated[float, typer.Option(help="Fraction of each workload's size.")] = 1.0,
    seconds: Annotated[float | None, typer.Option(help="Length of the measured window.")] = None,
    repetitions: Annotated[int | None, typer.Option(help="Of each workload, instead of its own.")] = None,
    output: Annotated[Path, typer.Option(help="Where the results go.")] = LATEST,
    traces: Annotated[Path, typer.Option(help="Directory of the editing traces.")] = documents.TRACES,
) -> None:
    """Run workloads against systems, interleaved, then check the targets (exit 1 if one is missed)."""
    chosen = [WORKLOADS[name] for name in workloads.split(",")]
    names = systems.split(",")
    if any(SYSTEMS[name].role == "peer" for name in names):
        install_peers()
    prepared = documents.prepare(traces)
    cores = Cores.choose()
    runner.SCRATCH.mkdir(parents=True, exist_ok=True)
    options = Options(scale=scale, seconds=seconds, repetitions=repetitions)
    results = Results(machine.facts(runner.SCRATCH), options, syscalls.measure(cores), [])
    work = [options.apply(workload) for workload in chosen]
    for seed, workload, name in _order(work, names):
        if seed > 1 and SYSTEMS[name].role != "ours" and _failed_before(results, workload.name, name):
            continue
        values = runner.run_once(SYSTEMS[name], workload, cores=cores, documents=prepared, seed=seed)
        results.runs.append(values)
        results.save(output)
        _console.print(_line(values), highlight=False, soft_wrap=True)
    raise typer.Exit(_judge(results))


def _order(workloads: list[Workload], systems: list[str]) -> Iterator[tuple[int, Workload, str]]:
    """All systems on one workload, then the next, then all again, so that noise meets all alike."""
    for seed in range(1, max(workload.repetitions for workload in workloads) + 1):
        for workload in workloads:
            if seed <= workload.repetitions:
                for name in systems:
                    if name == "ours" or not workload.ours_only:
                        yield seed, workload, name


def _failed_before(results: Results, workload: str, system: str) -> bool:
    """A peer that could not finish a workload is not asked again; ours always is."""
    summary = results.summary(workload, system)
    return summary is not None and not summary.counts


@app.command(name="check")
def check_targets(results: Annotated[Path, typer.Argument(help="A results file.")] = LATEST) -> None:
    """Compare a results file with the targets (exit 1 if one is missed)."""
    raise typer.Exit(_judge(Results.load(results)))


@app.command(name="report")
def write_report(
    results: Annotated[Path | None, typer.Argument(help="A results file, instead of the last run's.")] = None,
) -> None:
    """Publish a run: copy its results to published.json, write the tables and the chart of README.md."""
    chosen = results or (LATEST if LATEST.exists() else PUBLISHED)
    loaded = Results.load(chosen)
    loaded.save(PUBLISHED)
    report.write(loaded)


def _judge(results: Results) -> int:
    rows = check(results)
    ran = {run["workload"] for run in results.runs}
    _console.print(_table([row for row in rows if row.workload in ran]))
    return 1 if missed(rows) else 0


def _line(values: dict[str, object]) -> str:
    head = f"{values['workload']:12} {values['system']:17} {values['run_seconds']:>6} s  "
    if values.get("failure"):
        return head + "failed: " + str(values["failure"]).strip().splitlines()[-1][:120]
    shown = [
        f"{name} {value:.3g}"
        for name in ("cpu_us_per_edit", "cpu_us_per_state", "cpu_us_per_join", "p50_ms", "p99_ms")
        if isinstance(value := values.get(name), float)
    ]
    sound = "" if run_counts(values) else f"  NOT SOUND: lost {values.get('lost')}"
    return head + "  ".join(shown) + sound


def _table(rows: list[Row]) -> Table:
    table = Table(title="Targets")
    for heading in ("workload", "target", "limit", "ours", "best peer", "floor", "verdict"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        style = {"met": "green", "MISSED": "bold red", "not measured": "yellow"}[row.verdict]
        cells = (row.workload, row.target, row.limit, row.ours, row.best_peer, row.floor)
        table.add_row(*cells, f"[{style}]{row.verdict}[/]")
    return table


if __name__ == "__main__":
    app()
