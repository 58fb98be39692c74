from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from collab_server.cli import room_commands
from collab_server.cli.commands import app
from collab_server.process import ExitCode
from tests.unit.cli.room_answers import answer, room
from tests.unit.cli.test_room_source import serving


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_commands, "_ONCE_SECONDS", 0.0)


def _top(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["rooms", "top", *arguments])


BEFORE = answer(room("maths", edits=10), room("art"), at=100.0, edits=10)
NOW = answer(room("maths", edits=30), room("art"), at=102.0, edits=30)


def test_where_there_is_no_terminal_one_plain_table_is_printed() -> None:
    with serving((200, BEFORE), (200, NOW)) as (url, asked):
        result = _top("--url", url)
    assert result.exit_code == ExitCode.OK, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == f"{url} · by bytes"
    assert lines[-2].split()[:3] == ["maths", "1", "10.0"]
    assert "\x1b" not in result.stdout
    assert len(asked) == 2


def test_for_programs() -> None:
    with serving((200, BEFORE), (200, NOW)) as (url, _):
        result = _top("--url", url, "--json", "--limit", "1", "--by", "edits")
    shown = json.loads(result.stdout)
    assert [(each["room"], each["edits_per_second"]) for each in shown["rooms"]] == [("maths", 10.0)]
    assert shown["process"]["edits_per_second"] == 10.0


def test_without_a_server_it_says_what_to_do() -> None:
    result = _top("--url", "http://127.0.0.1:1")
    assert result.exit_code == ExitCode.CANNOT_START
    assert "No server listens at http://127.0.0.1:1." in result.stderr
    assert "--url" in result.stderr
    assert result.stdout == ""


def test_interrupting_it_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(room_commands, "_twice", interrupted)
    assert _top().exit_code == ExitCode.OK


@pytest.mark.parametrize("arguments", [("--limit", "0"), ("--limit", "1001"), ("--by", "smell")])
def test_wrong_flags(arguments: tuple[str, ...]) -> None:
    assert _top(*arguments).exit_code == 2
