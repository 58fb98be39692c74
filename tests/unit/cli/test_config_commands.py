from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from collab_server.cli.commands import app
from collab_server.config import Settings
from collab_server.config.fields import settings_of


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "collab.toml"
    path.write_text("[rooms]\nlinger_seconds = 5\n[listen]\nport = 1\n", encoding="utf-8")
    return path


def _run(*arguments: str, environment: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, ["config", *arguments], env=environment)


def test_what_is_shown_is_a_valid_file_of_the_same_settings(config: Path) -> None:
    result = _run("show", "--config", str(config))
    assert result.exit_code == 0
    assert Settings.model_validate(tomllib.loads(result.stdout)).rooms.linger_seconds == 5
    assert len(result.stdout.split(" = ")) == len(settings_of()) + 1


def test_each_value_says_where_it_came_from(config: Path) -> None:
    result = _run("show", "--config", str(config), environment={"COLLAB_LISTEN__PORT": "2"})
    lines = {line.split(" = ")[0]: line for line in result.stdout.splitlines() if " = " in line}
    assert lines["linger_seconds"].endswith(f"# file {config}")
    assert lines["port"].startswith("port = 2 ")
    assert lines["port"].endswith("# environment COLLAB_LISTEN__PORT")
    assert lines["host"].endswith("# default")


def test_only_what_is_changed(config: Path) -> None:
    result = _run("show", "--changed", "--config", str(config))
    assert tomllib.loads(result.stdout) == {"listen": {"port": 1}, "rooms": {"linger_seconds": 5}}


def test_json_for_programs(config: Path) -> None:
    result = _run("show", "--json", "--config", str(config))
    described = json.loads(result.stdout)
    assert list(described) == list(settings_of())
    assert described["rooms.linger_seconds"] == {"value": 5.0, "source": "file", "origin": str(config)}
    assert described["storage.directory"] == {"value": "data", "source": "default", "origin": ""}


def test_a_valid_configuration(config: Path) -> None:
    result = _run("check", environment={"COLLAB_CONFIG": str(config), "COLLAB_LOG__LEVEL": "error"})
    assert result.exit_code == 0
    assert result.stdout == (
        "The configuration is valid: 2 from the configuration file, 1 from the environment.\n"
    )


def test_the_defaults_are_valid() -> None:
    result = _run("check")
    assert "all at their defaults" in result.stdout


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        (
            {"COLLAB_CONFIG": "/does/not/exist.toml"},
            "cannot read the configuration file /does/not/exist.toml",
        ),
        ({"COLLAB_LISTEN__HOST": "0.0.0.0"}, "--allow-anonymous"),
        ({"COLLAB_LISTEN__HOST": "not a host"}, "is not a name or address of this machine"),
    ],
)
def test_what_the_server_would_refuse_is_refused(environment: dict[str, str], problem: str) -> None:
    result = _run("check", environment=environment)
    assert result.exit_code == 2
    assert problem in result.stderr


def test_a_certificate_that_is_not_there_is_no_valid_configuration(tmp_path: Path) -> None:
    missing = tmp_path / "cert.pem"
    environment = {"COLLAB_LISTEN__TLS_CERT": str(missing), "COLLAB_LISTEN__TLS_KEY": str(missing)}
    result = _run("check", environment=environment)
    assert result.exit_code == 2
    assert f"{missing} (--tls-cert) cannot be read" in result.output
