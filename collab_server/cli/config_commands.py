"""`collab-server config`: what is in force, where it came from, whether it is valid."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from collab_server.cli import flags
from collab_server.config import ListenSettings, LoadedSettings
from collab_server.config.fields import HIDDEN, settings_of, show, value_of
from collab_server.config.loading import Source
from collab_server.errors import ConfigError
from collab_server.gateway.bind import check_bind
from collab_server.gateway.tls import load_context
from collab_server.process import ExitCode

config_app = typer.Typer(help="Show or check the configuration.", no_args_is_help=True)


@config_app.command(name="show")
def show_command(
    config: flags.Config = None,
    settings: flags.Set = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    changed: Annotated[bool, typer.Option("--changed", help="Only what is not at its default.")] = False,
) -> None:
    """Print every setting with its value and where that came from.

    The output is a valid configuration file, secrets aside.
    """
    loaded = flags.load_or_exit(config, settings)
    keys = [key for key in settings_of() if not changed or loaded.origin(key).source is not Source.DEFAULT]
    if as_json:
        typer.echo(json.dumps({key: _described(loaded, key) for key in keys}, indent=2))
        return
    for line in _toml(loaded, keys):
        typer.echo(line)


@config_app.command()
def check(config: flags.Config = None, settings: flags.Set = None) -> None:
    """Say whether the configuration is valid; exit code 2 if it is not."""
    loaded = flags.load_or_exit(config, settings)
    try:
        _check_address(loaded.settings.listen)
        _check_certificate(loaded.settings.listen)
    except ConfigError as error:
        flags.refuse(str(error))
    sources = [origin.source for origin in loaded.origins.values()]
    parts = [f"{sources.count(source)} from {name}" for source, name in _NAMES.items() if source in sources]
    given = ", ".join(parts) or "all at their defaults"
    typer.echo(
        f"The configuration is valid: {given}." + ("" if config else " No configuration file is named.")
    )
    raise typer.Exit(ExitCode.OK)


def _check_address(listen: ListenSettings) -> None:
    """The rule that the server itself applies when it starts. Raises ConfigError."""
    try:
        found = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"listen.host {listen.host!r} is not a name or address of this machine") from error
    addresses = dict.fromkeys(str(address[0]) for *_, address in found)
    check_bind(listen.host, addresses, allow_anonymous=listen.allow_anonymous)


def _check_certificate(listen: ListenSettings) -> None:
    """Raises ConfigError."""
    if listen.tls_cert is not None and listen.tls_key is not None:
        load_context(listen.tls_cert, listen.tls_key)


_NAMES = {
    Source.FILE: "the configuration file",
    Source.ENVIRONMENT: "the environment",
    Source.FLAG: "flags",
}


def _described(loaded: LoadedSettings, key: str) -> dict[str, Any]:
    value = value_of(loaded.settings, key)
    origin = loaded.origin(key)
    if isinstance(value, SecretStr):
        value = HIDDEN
    elif isinstance(value, Path):
        value = str(value)
    return {"value": value, "source": origin.source, "origin": origin.name}


def _toml(loaded: LoadedSettings, keys: list[str]) -> Iterator[str]:
    for number, (section, members) in enumerate(groupby(keys, lambda key: key.rpartition(".")[0])):
        if number:
            yield ""
        yield typer.style(f"[{section}]", bold=True)
        for key in members:
            yield _toml_line(loaded, key)


def _toml_line(loaded: LoadedSettings, key: str) -> str:
    value = value_of(loaded.settings, key)
    text = (
        show(value) if isinstance(value, bool | int | float) else json.dumps(show(value), ensure_ascii=False)
    )
    assignment = f"{key.rpartition('.')[2]} = {text}"
    origin = loaded.origin(key)
    is_default = origin.source is Source.DEFAULT
    comment = typer.style(f"# {origin}", dim=True)
    return typer.style(f"{assignment:<46}", bold=not is_default) + "  " + comment
