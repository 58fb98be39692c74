from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from collab_server import __version__
from collab_server.cli.commands import app
from collab_server.config import Settings
from collab_server.process import ExitCode


def _run(*arguments: str, environment: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "120", **(environment or {})})


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings that `serve` was called with; nothing is started."""
    calls: list[Settings] = []

    def serve(settings: Settings, **_: Any) -> ExitCode:
        calls.append(settings)
        return ExitCode.NOT_SAVED

    monkeypatch.setattr("collab_server.server.serve", serve)
    return calls


@pytest.mark.parametrize("arguments", [("--version",), ("version",)])
def test_the_version(arguments: tuple[str, ...]) -> None:
    result = _run(*arguments)
    assert (result.exit_code, result.stdout) == (0, f"collab-server {__version__}\n")


def test_without_a_command_the_help_names_all() -> None:
    result = _run()
    for command in ("serve", "config", "documents", "version"):
        assert command in result.output


def test_the_help_of_serve_has_every_flag_and_the_exit_codes() -> None:
    result = _run("serve", "--help")
    assert result.exit_code == 0
    for flag in (
        "--host",
        "--port",
        "--data",
        "--config",
        "--log-format",
        "--log-level",
        "--allow-anonymous",
        "--set",
    ):
        assert flag in result.stdout
    for code in ExitCode:
        assert f" {int(code)}: " in result.stdout


def test_flags_become_settings(served: list[Settings]) -> None:
    result = _run(
        "serve", "--host", "::1", "--port", "0", "--data", "d", "--allow-anonymous", "--memory-only",
        "--log-format", "json", "--log-level", "warning", "--set", "rooms.linger_seconds=5",
    )  # fmt: skip
    (settings,) = served
    assert (settings.listen.host, settings.listen.port, settings.listen.allow_anonymous) == ("::1", 0, True)
    assert (str(settings.storage.directory), settings.storage.memory_only) == ("d", True)
    assert (settings.log.format, settings.log.level) == ("json", "warning")
    assert settings.rooms.linger_seconds == 5
    assert result.exit_code == ExitCode.NOT_SAVED


def test_flags_that_are_not_given_change_nothing(served: list[Settings]) -> None:
    _run("serve", environment={"COLLAB_LISTEN__ALLOW_ANONYMOUS": "true"})
    assert served[0].listen.allow_anonymous


def test_a_wrong_setting_is_told_without_a_traceback(served: list[Settings]) -> None:
    result = _run("serve", "--port", "banana")
    assert result.exit_code == ExitCode.CONFIGURATION
    assert result.stderr == (
        "This configuration cannot be used:\n"
        "  listen.port = 'banana' (flag --port): expected a whole number from 0 to 65535\n"
    )
    assert not served


def test_several_problems_are_counted() -> None:
    result = _run("config", "check", environment={"COLLAB_NOPE": "1", "COLLAB_LISTEN__PORT": "x"})
    assert "This configuration has 2 problems:" in result.stderr


def test_small_commands_do_not_load_the_server() -> None:
    heavy = "{'fastapi', 'hypercorn', 'picows', 'pycrdt'}"
    program = f"import sys, collab_server.cli; print(*{heavy} & set(sys.modules))"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == ""
