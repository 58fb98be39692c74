"""The commands: serve, config, documents, rooms, version. Each loads what it needs and hands over."""

from __future__ import annotations

from typing import Annotated

import typer

from collab_server import __version__
from collab_server.cli import flags
from collab_server.cli.config_commands import config_app
from collab_server.cli.document_commands import documents_app
from collab_server.cli.room_commands import rooms_app
from collab_server.process import ExitCode

app = typer.Typer(
    name="collab-server",
    help="A collaboration server for live classrooms: editors that speak y-websocket connect to rooms.",
    no_args_is_help=True,
    # Rich's tracebacks print local variables, and those hold tokens and texts.
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def main() -> None:
    """Entry point of the `collab-server` script."""
    app()


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"collab-server {__version__}")
        raise typer.Exit(ExitCode.OK)


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A collaboration server for live classrooms: editors that speak y-websocket connect to rooms."""


@app.command()
def serve(
    host: flags.Host = None,
    port: flags.Port = None,
    data: flags.Data = None,
    config: flags.Config = None,
    memory_only: flags.Memory = None,
    allow_anonymous: flags.AllowAnonymous = None,
    tls_cert: flags.TlsCert = None,
    tls_key: flags.TlsKey = None,
    log_format: flags.LogFormatFlag = None,
    log_level: flags.LogLevelFlag = None,
    settings: flags.Set = None,
) -> None:
    """Run the server until Ctrl-C or SIGTERM. With TLS, SIGHUP reads the certificate again.

    Settings come from the configuration file, then COLLAB_… environment variables, then flags; the later
    wins. `collab-server config show` tells what is in force and why.

    **Exit codes**

    - 0: stopped in order, everything saved
    - 1: failed unexpectedly; the log has a traceback
    - 2: the configuration is wrong
    - 3: the address, the port or the data directory cannot be had
    - 4: stopped with edits that are not saved; the log names the rooms
    """
    loaded = flags.load_or_exit(
        config,
        settings,
        host=host,
        port=port,
        data=data,
        memory_only=memory_only,
        allow_anonymous=allow_anonymous,
        tls_cert=tls_cert,
        tls_key=tls_key,
        log_format=log_format,
        log_level=log_level,
    )
    # Imported here: no other command needs the server, and it is most of what there is to import.
    from collab_server.app import build_app
    from collab_server.server import serve as run_server

    raise typer.Exit(run_server(loaded.settings, build=build_app))


@app.command()
def version() -> None:
    """Print the version."""
    _print_version(True)


app.add_typer(config_app, name="config")
app.add_typer(documents_app, name="documents")
app.add_typer(rooms_app, name="rooms")
