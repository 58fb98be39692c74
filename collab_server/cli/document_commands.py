"""`collab-server documents`: what is stored, shown to the people who run the server.

Owns the flags, the one worker that a command needs, and which sentence goes with which failure. Works beside
a running server: nothing here takes its lock or writes to its data.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from collab_server.cli import flags
from collab_server.config import Settings
from collab_server.errors import BadRoomName, ConfigError, FailureKind, JobFailed
from collab_server.process import ExitCode
from collab_server.protocol.room_names import canonical_name
from collab_server.types import DEFAULT_TENANT, Job

documents_app = typer.Typer(help="Look at what is stored.", no_args_is_help=True)

Room = Annotated[str, typer.Argument(metavar="ROOM", help="Name of the room, as in its address.")]
Tenant = Annotated[str, typer.Option("--tenant", metavar="TENANT", help="Whose room it is.")]


@documents_app.command()
def show(
    room: Room,
    data: flags.Data = None,
    tenant: Tenant = DEFAULT_TENANT,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    config: flags.Config = None,
    settings: flags.Set = None,
) -> None:
    """Print what stands in a document: its size, who wrote it, its root types and their content.

    Reads the journal in the data directory, whether or not a server runs on it.

    **Exit codes**

    - 0: the document was printed
    - 2: the configuration or the room's name is wrong
    - 3: there is no such document, or it cannot be shown
    """
    loaded = flags.load_or_exit(config, settings, data=data).settings
    try:
        name = canonical_name(room)
    except BadRoomName as error:
        _fail(str(error), "", code=ExitCode.CONFIGURATION)
    shown = _preview(loaded, tenant, name)
    if as_json:
        typer.echo(json.dumps({"tenant": tenant, "room": name, **shown}, indent=2))
        return
    # Imported here: no other command draws.
    from collab_server.cli.document_view import print_document

    print_document(name, shown)


def _preview(settings: Settings, tenant: str, room: str) -> dict[str, Any]:
    """What the job `preview` says of a document, or an exit with what is wrong."""
    # Imported here: a loop and processes, which no other command needs.
    import asyncio

    journal = settings.storage.journal_file
    if not journal.exists():
        _fail(f"There is no journal at {journal}.", "Name the server's data directory with --data.")
    try:
        return asyncio.run(_run_preview(settings, tenant, room))
    except JobFailed as error:
        _fail(*_explain(error, journal, tenant, room))
    except (ConfigError, OSError) as error:
        _fail(f"The worker cannot be started: {error}", "")


async def _run_preview(settings: Settings, tenant: str, room: str) -> dict[str, Any]:
    from collab_server.observability.log import configure_logging
    from collab_server.observability.metrics import Metrics
    from collab_server.runtime.scratch import user_scratch
    from collab_server.runtime.workers import Lane, Workers

    writer = configure_logging(settings.log.model_copy(update={"level": "error"}))
    workers = Workers(settings.workers, Metrics(), scratch=user_scratch())
    journal = settings.storage.journal_file
    arguments = {
        "journal": str(journal),
        "bases": str(settings.storage.bases_file),
        "tenant": tenant,
        "room": room,
    }
    size = min(journal.stat().st_size, settings.rooms.max_document_bytes)
    try:
        await workers.start()
        result = await workers.run(Lane.BACKGROUND, Job.PREVIEW, {**arguments}, size_hint=size)
    finally:
        await workers.close()
        writer.close()
    shown: dict[str, Any] = json.loads(result.data or b"{}")
    return shown


_HINTS = {
    "NewerFormatError": "",
    "ForeignFileError": "Name the server's data directory with --data.",
    "UnreadableError": "The data is damaged; it was left as it is.",
    "UnavailableError": "Try again; if it stays, look at the disk and at who may read the directory.",
    "NotLoadable": "The server serves it all the same; only what reads its content cannot.",
    "Panic": "The server serves it all the same; only what reads its content cannot.",
}
_KINDS = {
    FailureKind.CRASHED: "The worker that read the document crashed, twice",
    FailureKind.OUT_OF_MEMORY: "Reading the document took more memory than allowed, twice",
    FailureKind.DEADLINE: "Reading the document took too long, twice",
    FailureKind.UNAVAILABLE: "No worker could read the document",
}
_KIND_HINTS = {
    FailureKind.OUT_OF_MEMORY: "Raise the limit with --set workers.max_memory_bytes=….",
    FailureKind.DEADLINE: "Allow more time with --set workers.background_seconds=….",
    FailureKind.UNAVAILABLE: "Try again; if it stays, look at memory, open files and temporary space.",
}


def _explain(error: JobFailed, journal: Path, tenant: str, room: str) -> tuple[str, str]:
    """A sentence about a failed job and what would help."""
    if error.kind is not FailureKind.REFUSED:
        return f"{_KINDS[error.kind]}: {error}.", _KIND_HINTS.get(error.kind, "")
    if error.cause == "NoSuchRoom":
        return (
            f"There is no document {room!r} of tenant {tenant!r} in {journal}.",
            "Check the name and --data.",
        )
    return f"The document {room!r} cannot be shown: {error}.", _HINTS.get(error.cause, "")


def _fail(sentence: str, hint: str, *, code: ExitCode = ExitCode.CANNOT_START) -> NoReturn:
    typer.secho(sentence, err=True, fg=typer.colors.RED, bold=True)
    if hint:
        typer.echo(hint, err=True)
    raise typer.Exit(code)
