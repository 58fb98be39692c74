"""How a document looks on a terminal: a table of facts, then each root with its content.

Owns the drawing. What is drawn is text of strangers: control characters are shown, never sent, and nothing of
it is taken for markup.
"""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from collab_server.cli.printable import printable

#: Client ids named; a class makes thousands in a year.
_MOST_CLIENTS = 10

_TITLES = {"text": "text", "map": "map", "array": "array", "fragment": "XML", "empty": "empty"}


def print_document(room: str, shown: dict[str, Any], *, console: Console | None = None) -> None:
    """Print what the job `preview` found."""
    console = console or Console(highlight=False)
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(room, shown):
        facts.add_row(Text(name, style="dim"), Text(value))
    console.print(facts)
    if not shown["complete"]:
        warning = "Yrs took only a part of it: something that it hangs on is missing."
        console.print(Text(warning, style="bold red"))
    for root in shown["roots"]:
        title = Text(f"\n{printable(root['name'])}", style="bold")
        console.print(title.append(f"  {_TITLES[root['type']]}", style="dim"))
        for part in ("content", "entries"):
            if root.get(part) is not None:
                console.print(Text(_content(root[part])), soft_wrap=True)


def _facts(room: str, shown: dict[str, Any]) -> list[tuple[str, str]]:
    clients = shown["clients"]
    named = ", ".join(map(str, clients[:_MOST_CLIENTS])) + (", …" if len(clients) > _MOST_CLIENTS else "")
    return [
        ("Document", printable(room)),
        ("Size", f"{shown['size_bytes']:,} bytes in {_updates(shown['records'])}"),
        ("Clients", f"{len(clients):,}" + (f": {named}" if named else "")),
        ("Roots", f"{len(shown['roots']):,}"),
    ]


def _updates(count: int) -> str:
    return f"{count:,} update" + ("" if count == 1 else "s")


def _content(value: Any) -> str:
    return printable(value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False))
