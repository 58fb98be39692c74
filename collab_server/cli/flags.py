"""The flags that change settings, shared by every command that reads the configuration.

Owns their names and help texts, and turns them into assignments for `load_settings`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from collab_server.config import LoadedSettings, LogFormat, LogLevel, load_settings
from collab_server.config.loading import Assignment, Origin, Source
from collab_server.errors import ConfigError
from collab_server.process import ExitCode

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="COLLAB_CONFIG",
        metavar="FILE",
        help="Configuration file (TOML).",
        show_default=False,
    ),
]
Host = Annotated[
    str | None, typer.Option("--host", metavar="ADDRESS", help="Address to listen on. [127.0.0.1]")
]
# Text, so that a wrong one is told like any other wrong setting.
Port = Annotated[
    str | None, typer.Option("--port", "-p", metavar="PORT", help="TCP port; 0 takes a free one. [1234]")
]
Data = Annotated[
    Path | None, typer.Option("--data", "-d", metavar="DIR", help="Directory that keeps all edits. [./data]")
]
Memory = Annotated[
    bool | None, typer.Option("--memory-only", help="Keep nothing on disk: for trials.", show_default=False)
]
AllowAnonymous = Annotated[
    bool | None,
    typer.Option(
        "--allow-anonymous",
        help="Serve anybody who can reach the address, also one beyond this machine.",
        show_default=False,
    ),
]
TlsCert = Annotated[
    Path | None, typer.Option("--tls-cert", metavar="FILE", help="Certificate in PEM: speak https and wss.")
]
TlsKey = Annotated[Path | None, typer.Option("--tls-key", metavar="FILE", help="Its private key in PEM.")]
LogFormatFlag = Annotated[
    LogFormat | None,
    typer.Option("--log-format", help="Shape of log lines; auto is text on a terminal, else JSON. [auto]"),
]
LogLevelFlag = Annotated[
    LogLevel | None, typer.Option("--log-level", help="Least serious line written. [info]")
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any other setting, as in --set rooms.linger_seconds=5. Repeatable.",
    ),
]


def load_or_exit(config: Path | None, settings: list[str] | None, **flags: Any) -> LoadedSettings:
    """The settings, or one message about all that is wrong with them and exit code 2.

    `flags` are values by their flag's name with underscores; None is a flag that was not given.
    """
    try:
        return load_settings(config_file=config, flags=[*_assignments(flags), *_pairs(settings or [])])
    except ConfigError as error:
        refuse(str(error))


def refuse(text: str) -> NoReturn:
    """Print what is wrong with the configuration, a line each, and exit with code 2."""
    problems = text.splitlines()
    what = (
        "This configuration cannot be used:"
        if len(problems) == 1
        else f"This configuration has {len(problems)} problems:"
    )
    typer.secho(what, err=True, fg=typer.colors.RED, bold=True)
    for problem in problems:
        typer.echo(f"  {problem}", err=True)
    raise typer.Exit(ExitCode.CONFIGURATION)


_KEYS = {
    "host": "listen.host",
    "port": "listen.port",
    "data": "storage.directory",
    "memory_only": "storage.memory_only",
    "allow_anonymous": "listen.allow_anonymous",
    "tls_cert": "listen.tls_cert",
    "tls_key": "listen.tls_key",
    "log_format": "log.format",
    "log_level": "log.level",
}


def _assignments(flags: dict[str, Any]) -> Iterator[Assignment]:
    for name, value in flags.items():
        if value is not None:
            yield Assignment(_KEYS[name], value, Origin(Source.FLAG, "--" + name.replace("_", "-")))


def _pairs(settings: list[str]) -> Iterator[Assignment]:
    for pair in settings:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"--set {pair}: expected KEY=VALUE, as in --set rooms.linger_seconds=5")
        yield Assignment(key.strip(), value, Origin(Source.FLAG, "--set"))
