"""How the busiest rooms look on a terminal: totals of the process, then a table that fits.

Owns the drawing: which columns go when there is little room, units, what stands out. Room names are text of
strangers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from collab_server.cli.printable import printable
from collab_server.cli.room_samples import Histogram, Picture, Row
from collab_server.types import DEFAULT_TENANT

_LEAST_NAME_WIDTH = 12
_MOST_NAME_WIDTH = 48
_GAP = 2
#: Lines around the rows: a title, the table's head, and what is left out.
_FRAME_LINES = 3

#: With fewer lines all totals but one line are left out, and the memory before.
_LOW_LINES = 11
_HIGH_LINES = 16

_NOTHING = "–"


@dataclass(frozen=True, slots=True)
class _Column:
    """`rank` says how long it stays when there is little room: the lowest go last."""

    title: str
    width: int
    rank: int
    text: Callable[[Row], str]
    stands_out: Callable[[Row], bool] = lambda _: False


def _columns() -> list[_Column]:
    return [
        _Column("sessions", 8, 0, lambda row: f"{row.room.sessions:,}"),
        _Column("edits/s", 7, 1, lambda row: rate(row.edits_per_second)),
        _Column("deltas/s", 8, 6, lambda row: rate(row.deltas_per_second)),
        _Column("memory", 8, 2, lambda row: size(row.room.memory_bytes)),
        _Column("document", 8, 3, lambda row: size(row.room.document_bytes)),
        _Column("tail", 8, 7, lambda row: size(row.room.tail_bytes)),
        _Column("slow", 5, 4, lambda row: f"{row.room.behind:,}", lambda row: row.room.behind > 0),
        _Column("waiting", 7, 8, lambda row: f"{row.room.waiting:,}"),
        _Column("unsaved", 7, 5, lambda row: f"{row.room.unsaved_versions:,}"),
        _Column("version", 9, 9, lambda row: f"{row.room.version:,}"),
        _Column("base age", 8, 10, lambda row: age(row.room.base_age_seconds)),
    ]


def draw(
    picture: Picture, *, title: str, width: int, height: int | None = None, limit: int, note: str = ""
) -> RenderableType:
    """Everything, in at most `height` lines. `note` stands above in red."""
    head = [Text(line, overflow="ellipsis", no_wrap=True) for line in _head(picture, width, height)]
    if note:
        head.insert(0, Text(note, style="bold red", overflow="ellipsis", no_wrap=True))
    room_for = limit if height is None else min(limit, max(1, height - len(head) - _FRAME_LINES))
    rows = picture.rows[:room_for]
    parts: list[RenderableType] = [Text(title, style="bold", overflow="ellipsis", no_wrap=True), *head]
    parts.append(_table(rows, width) if rows else Text("No room is open.", style="dim"))
    hidden = picture.process.rooms - len(rows)
    if rows and hidden > 0:
        parts.append(Text(f"… and {hidden:,} more", style="dim"))
    return Group(*parts)


def _head(picture: Picture, width: int, height: int | None) -> list[str]:
    process = picture.process
    people = [
        f"{process.connections:,} connections",
        f"{process.sessions:,} sessions",
        f"{process.rooms:,} rooms",
        f"{process.behind:,} slow readers",
        f"{rate(picture.edits_per_second)} edits/s",
        f"{rate(picture.deltas_per_second)} deltas/s",
    ]
    times = [
        f"edit latency {_quantiles(picture.edit_latency)}",
        f"commit {_quantiles(picture.commit)}",
        f"loop lag {seconds(process.loop_lag_max_seconds)}",
        f"longest step {seconds(process.loop_step_max_seconds)}",
    ]
    memory = [
        f"resident {_NOTHING if process.resident_bytes is None else size(process.resident_bytes)}",
        f"unsaved {size(process.unsaved_bytes)}",
        *(f"{kind.replace('_', ' ')} {size(count)}" for kind, count in process.memory_bytes.items()),
    ]
    if height is not None and height < _LOW_LINES:
        return _wrap(people, width)[:1]
    groups = [people, times] if height is not None and height < _HIGH_LINES else [people, times, memory]
    lines = [line for group in groups for line in _wrap(group, width)]
    return lines if height is None else lines[: height // 2]


def _wrap(parts: Sequence[str], width: int) -> list[str]:
    """Lines of as many parts as fit."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 3 + len(part) <= width:
            lines[-1] += f" · {part}"
        else:
            lines.append(part)
    return lines


def _table(rows: Sequence[Row], width: int) -> Table:
    columns = _that_fit(width)
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold dim")
    left = width - sum(column.width + _GAP for column in columns)
    longest = max(len(_name(row)) for row in rows)
    name_width = max(4, min(left, max(_LEAST_NAME_WIDTH, min(longest, _MOST_NAME_WIDTH))))
    table.add_column("room", width=name_width, no_wrap=True, overflow="ellipsis")
    for column in columns:
        table.add_column(column.title, width=column.width, justify="right", no_wrap=True)
    for row in rows:
        style = "" if row.room.state == "occupied" else "dim"
        cells = [
            Text(column.text(row), style="bold yellow" if column.stands_out(row) else "")
            for column in columns
        ]
        table.add_row(Text(_name(row)), *cells, style=style)
    return table


def _that_fit(width: int) -> list[_Column]:
    """The columns that leave room for a name."""
    columns = _columns()
    while columns and _LEAST_NAME_WIDTH + sum(column.width + _GAP for column in columns) > width:
        columns.remove(max(columns, key=lambda column: column.rank))
    return columns


def _name(row: Row) -> str:
    room = row.room
    return printable(room.room if room.tenant == DEFAULT_TENANT else f"{room.tenant}/{room.room}")


def _quantiles(histogram: Histogram) -> str:
    half, most = histogram.quantile(0.5), histogram.quantile(0.99)
    if half is None or most is None:
        return _NOTHING
    return f"p50 {_or_over(half, histogram)}, p99 {_or_over(most, histogram)}"


def _or_over(value: float, histogram: Histogram) -> str:
    return f"over {seconds(histogram.bounds[-1])}" if math.isinf(value) else seconds(value)


# --- units ---


def rate(value: float | None) -> str:
    if value is None:
        return _NOTHING
    return f"{value:.1f}" if 0 < value < 100 else f"{value:,.0f}"


def size(count: int) -> str:
    """Bytes in decimal units, as in 1.5 MB."""
    if count < 1_000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1_000
        if value < 999.5 or unit == "TB":
            return f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"
    raise AssertionError("the last unit takes everything")


def seconds(value: float) -> str:
    return (
        f"{value * 1_000:.1f} ms"
        if value < 0.1
        else f"{value * 1_000:.0f} ms"
        if value < 1
        else f"{value:.1f} s"
    )


def age(value: float | None) -> str:
    if value is None:
        return _NOTHING
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if value >= length:
            return f"{value / length:.0f} {unit}"
    return f"{value:.0f} s"
