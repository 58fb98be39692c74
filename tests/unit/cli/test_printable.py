from __future__ import annotations

import pytest

from collab_server.cli.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", "a\\u001b[2Jb"),
        ("a\rb\x9bc", "a\\u000db\\u009bc"),
        ("a\u202eb", "a\\u202eb"),
        ("שלום\t数\n", "שלום\t数\n"),
    ],
)
def test_what_a_terminal_would_obey_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown
