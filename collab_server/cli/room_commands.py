"""`collab-server rooms`: what the rooms of a running server do.

Owns the flags, the pace, and when it draws anew; what is asked is `room_source`'s, what it looks like
`room_view`'s.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from collab_server.cli.room_samples import Picture, Sample, compare
from collab_server.cli.room_source import NoAnswer, RoomSource
from collab_server.process import ExitCode
from collab_server.types import RoomOrder

if TYPE_CHECKING:
    from rich.console import ConsoleDimensions, RenderableType
    from rich.live import Live

rooms_app = typer.Typer(help="Look at the rooms of a running server.", no_args_is_help=True)

_PERIOD_SECONDS = 2.0
#: Between the two samples that rates are made of, when there are only two.
_ONCE_SECONDS = 1.0
#: How often it is looked whether the terminal has another size.
_LOOK_SECONDS = 0.1
#: More are asked for than shown, so that a room that rises has its rate at once.
_LEAST_ASKED = 100
_MOST_ROOMS = 1_000
#: Columns of a table that goes into a file or a pipe.
_PLAIN_WIDTH = 160

Url = Annotated[str, typer.Option("--url", metavar="URL", help="Address of the server, on this machine.")]
By = Annotated[RoomOrder, typer.Option("--by", help="What the first rooms have most of.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=_MOST_ROOMS, help="Most rooms shown.")]


@rooms_app.callback()
def rooms() -> None:
    """Look at the rooms of a running server."""


@rooms_app.command()
def top(
    url: Url = "http://127.0.0.1:1234",
    by: By = RoomOrder.BYTES,
    limit: Limit = 20,
    once: Annotated[bool, typer.Option("--once", help="Print one table and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one answer as JSON and end.")] = False,
) -> None:
    """Show the busiest rooms, anew every two seconds, until Ctrl-C.

    `bytes` is memory in the server; `edits` are those of the last seconds. A room counts as slow for each
    session whose connection does not take what is sent. If the output is no terminal, one table is printed.

    **Exit codes**

    - 0: it was shown
    - 3: there is no server at the address, or it does not tell
    """
    try:
        source = RoomSource(url)
        if as_json:
            _print_json(_twice(source, by, limit), limit)
        elif once or not sys.stdout.isatty():
            _print_table(_twice(source, by, limit), _title(source, by), limit)
        else:
            _watch(source, by, limit)
    except NoAnswer as error:
        _fail(error)
    except KeyboardInterrupt:
        # How one ends a table that never ends.
        raise typer.Exit(ExitCode.OK) from None


def _title(source: RoomSource, by: RoomOrder) -> str:
    return f"{source.url} · by {by.value}"


def _ask(source: RoomSource, by: RoomOrder, limit: int) -> Sample:
    return source.sample(by, max(limit, _LEAST_ASKED))


def _twice(source: RoomSource, by: RoomOrder, limit: int) -> Picture:
    before = _ask(source, by, limit)
    time.sleep(_ONCE_SECONDS)
    return compare(before, _ask(source, by, limit), by=by)


def _print_json(picture: Picture, limit: int) -> None:
    rates = ("edits_per_second", "deltas_per_second")
    rows: list[dict[str, Any]] = [
        row.room.model_dump() | {name: getattr(row, name) for name in rates} for row in picture.rows[:limit]
    ]
    process = picture.process.model_dump() | {name: getattr(picture, name) for name in rates}
    typer.echo(json.dumps({"process": process, "rooms": rows}, indent=2))


def _print_table(picture: Picture, title: str, limit: int) -> None:
    # Imported here: no other command draws.
    from rich.console import Console

    from collab_server.cli.room_view import draw

    width = None if sys.stdout.isatty() else _PLAIN_WIDTH
    console = Console(highlight=False, width=width)
    console.print(draw(picture, title=title, width=console.width, limit=limit))


def _watch(source: RoomSource, by: RoomOrder, limit: int) -> None:
    """Draw until interrupted. Raises NoAnswer if there is none at the start; later it waits for one."""
    from rich.console import Console
    from rich.live import Live

    from collab_server.cli.room_view import draw

    console = Console(highlight=False)
    # A terminal is given back as it was, whichever way this ends.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    title = f"{_title(source, by)} · Ctrl-C ends it"
    sample = _ask(source, by, limit)
    picture, note = compare(None, sample, by=by), ""

    def view(size: ConsoleDimensions) -> RenderableType:
        return draw(picture, title=title, width=size.width, height=size.height, limit=limit, note=note)

    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            _show(live, view)
            try:
                before, sample = sample, _ask(source, by, limit)
            except NoAnswer as error:
                note = f"{error} Trying again."
            else:
                picture, note = compare(before, sample, by=by), ""


def _show(live: Live, view: Callable[[ConsoleDimensions], RenderableType]) -> None:
    """Draw, and draw anew when the terminal gets another size, until it is time to ask again."""
    until = time.monotonic() + _PERIOD_SECONDS
    drawn = None
    while time.monotonic() < until:
        if live.console.size != drawn:
            drawn = live.console.size
            live.update(view(drawn), refresh=True)
        time.sleep(_LOOK_SECONDS)


def _fail(error: NoAnswer) -> NoReturn:
    typer.secho(str(error), err=True, fg=typer.colors.RED, bold=True)
    if error.hint:
        typer.echo(error.hint, err=True)
    raise typer.Exit(ExitCode.CANNOT_START)
