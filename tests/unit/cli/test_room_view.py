from __future__ import annotations

import io
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from collab_server.cli.room_samples import Sample, compare
from collab_server.cli.room_view import age, draw, rate, seconds, size
from collab_server.types import RoomOrder
from tests.unit.cli.room_answers import answer, room


def _lines(
    *rooms: dict[str, Any],
    width: int = 160,
    height: int | None = None,
    limit: int = 20,
    note: str = "",
    **process: Any,
) -> list[str]:
    picture = compare(None, Sample.model_validate(answer(*rooms, **process)), by=RoomOrder.BYTES)
    out = io.StringIO()
    shown = draw(picture, title="the title", width=width, height=height, limit=limit, note=note)
    Console(file=out, width=width, highlight=False).print(shown)
    return out.getvalue().splitlines()


def test_all_of_it_where_there_is_room() -> None:
    lines = _lines(room("maths", sessions=30, version=1_234, base_age_seconds=7_300.0), latency=(1, 1, 0, 0))
    text = "\n".join(lines)
    for expected in (
        "the title",
        "3 connections",
        "2 sessions",
        "70.0 MB",
        "base cache 1.5 MB",
        "p50 10.0 ms",
    ):
        assert expected in text
    assert lines[-2].split() == [
        "room",
        "sessions",
        "edits/s",
        "deltas/s",
        "memory",
        "document",
        "tail",
        "slow",
        "waiting",
        "unsaved",
        "version",
        "base",
        "age",
    ]
    assert lines[-1].split() == [
        "maths",
        "30",
        "–",
        "–",
        "400",
        "B",
        "1.0",
        "kB",
        "200",
        "B",
        "0",
        "0",
        "0",
        "1,234",
        "2",
        "h",
    ]


@pytest.mark.parametrize("width", [20, 30, 50, 80, 120, 200])
@pytest.mark.parametrize("height", [5, 8, 12, 24])
def test_it_fits_the_terminal(width: int, height: int) -> None:
    rooms = [room(f"room {number} " + "x" * 90) for number in range(50)]
    lines = _lines(*rooms, width=width, height=height, limit=1_000, note="The server went away " * 9)
    assert len(lines) <= max(height, 7)
    assert all(cell_len(line) <= width for line in lines)
    assert any(line.startswith("room 0") for line in lines), "the first room is always there"


def test_what_matters_least_goes_first() -> None:
    narrow = _lines(room("maths"), width=45)[-2].split()
    assert narrow == ["room", "sessions", "edits/s", "memory"]


def test_what_is_left_out_is_counted() -> None:
    lines = _lines(*[room(str(number)) for number in range(9)], limit=2)
    assert lines[-1] == "… and 7 more"
    assert "more" not in _lines(room("a"))[-1]


def test_without_rooms_it_says_so() -> None:
    assert _lines()[-1] == "No room is open."


def test_a_name_is_never_obeyed_and_no_markup() -> None:
    (line,) = [
        line for line in _lines(room("x\x1b[2J[bold]y")) if "y" in line and "x" in line and "[" in line
    ]
    assert "x\\u001b[2J[bold]y" in line


def test_another_tenant_is_named() -> None:
    assert _lines(room("maths", tenant="north"))[-1].startswith("north/maths ")


def test_a_latency_past_all_bounds_is_told_as_such() -> None:
    assert any("p99 over 100 ms" in line for line in _lines(latency=(0, 0, 0, 5)))


def test_units() -> None:
    assert [size(count) for count in (0, 999, 1_000, 99_949, 99_951, 999_999, 25 * 10**8)] == [
        "0 B", "999 B", "1.0 kB", "99.9 kB", "100 kB", "1.0 MB", "2.5 GB"
    ]  # fmt: skip
    assert [seconds(value) for value in (0.0004, 0.0999, 0.25, 2.5)] == [
        "0.4 ms",
        "99.9 ms",
        "250 ms",
        "2.5 s",
    ]
    assert [age(value) for value in (None, 5.0, 300.0, 7_200.0, 200_000.0)] == [
        "–",
        "5 s",
        "5 min",
        "2 h",
        "2 d",
    ]
    assert [rate(value) for value in (None, 0.0, 0.25, 12.34, 1_234.5)] == ["–", "0", "0.2", "12.3", "1,234"]
