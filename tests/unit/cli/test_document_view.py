from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from collab_server.cli.document_view import print_document


def _printed(*roots: dict[str, Any], room: str = "notes", **facts: Any) -> str:
    out = io.StringIO()
    shown = {"records": 1, "size_bytes": 1, "clients": [1], "complete": True, "roots": roots, **facts}
    print_document(room, shown, console=Console(file=out, width=100, highlight=False))
    return out.getvalue()


def _text(content: Any, **more: Any) -> dict[str, Any]:
    return {"name": "t", "type": "text", "content": content, **more}


def test_content_is_never_obeyed_by_the_terminal() -> None:
    printed = _printed(_text("a\x1b[2Jb\rc\x9bd\u202ee"), room="x\x1b]0;y\x07")
    assert "a\\u001b[2Jb\\u000dc\\u009bd\\u202ee" in printed
    assert not {"\x1b", "\r", "\x07", "\x9b", "\u202e"} & set(printed)


def test_content_is_no_markup() -> None:
    assert "[bold]a[/bold] [/]" in _printed(_text("[bold]a[/bold] [/]"))


def test_writing_of_all_kinds_stays_as_it_is() -> None:
    text = "tab\tline\nשלום 👩\u200d🏫 数学"
    assert text.replace("\t", "") in _printed(_text(text)).replace("\t", "").replace("tab     ", "tab")


def test_both_sides_of_a_root_are_shown() -> None:
    printed = _printed(_text("side one", entries={"k": "side two"}))
    assert "side one" in printed
    assert '"k": "side two"' in printed


def test_of_many_clients_a_few_are_named() -> None:
    printed = _printed(clients=list(range(5_000)))
    assert "5,000: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …" in printed


def test_a_part_is_not_passed_off_as_the_whole() -> None:
    assert "only a part" in _printed(complete=False)
    assert "only a part" not in _printed()


def test_an_erased_root_is_named() -> None:
    assert "t  empty" in _printed({"name": "t", "type": "empty", "content": None})
