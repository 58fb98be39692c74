"""Writes the table of metrics in `docs/operations.md`, between its two marks.

    python docs/generate_operations.py            writes it
    python docs/generate_operations.py --check    exits with 1 if it is stale

Names, types and meanings come from `collab_server.observability.exposition`; the rest of the page is nobody's
but its author's.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import Metric

from collab_server.observability.exposition import MetricsCollector
from collab_server.observability.metrics import Metrics

PAGE = Path(__file__).with_name("operations.md")

BEGIN = "<!-- metrics: begin (python docs/generate_operations.py) -->\n"
END = "<!-- metrics: end -->\n"

#: Said in words below the table.
_BUILD_INFO = "collab_build_info"


def render(page: str) -> str:
    """The page with the table of now. Raises ValueError if a mark is missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError("docs/operations.md has lost the marks around its table of metrics")
    return before + BEGIN + "\n".join(_table()) + "\n" + END + after


def _table() -> Iterator[str]:
    yield "| metric | type | meaning |"
    yield "|---|---|---|"
    for metric in MetricsCollector(Metrics()).collect():
        if metric.name != _BUILD_INFO:
            yield f"| `{_shown(metric)}` | {metric.type} | {metric.documentation} |"


def _shown(metric: Metric) -> str:
    suffix = "_total" if metric.type == "counter" else ""
    # Private, but a family without values yet says its labels nowhere else.
    labels = ",".join(metric._labelnames)  # type: ignore[attr-defined]
    return metric.name + suffix + (f"{{{labels}}}" if labels else "")


def main() -> int:
    """Write the table, or with `--check` compare it. Returns the exit code."""
    page = PAGE.read_text(encoding="utf-8")
    fresh = render(page)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(fresh, encoding="utf-8")
        return 0
    if page == fresh:
        return 0
    sys.stderr.write("docs/operations.md is stale: run python docs/generate_operations.py\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
