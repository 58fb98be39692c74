"""The life of one server process: start, say so, wait for a signal, drain, leave with the right exit code.

Owns signals, exit codes and what a person at the terminal reads. What is started and drained is behind
`Application`; it knows no socket, room or journal.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NoReturn, Protocol

import uvloop
from collab_storage import StorageError

from collab_server import __version__
from collab_server.config import Settings
from collab_server.errors import ConfigError
from collab_server.observability import Event, get_logger
from collab_server.observability.log import configure_logging, log_uncaught_errors, writes_text
from collab_server.observability.log_writer import LogWriter
from collab_server.process import (
    ExitCode,
    base_url,
    connections_that_fit,
    explain_start_failure,
    raise_file_limit,
    seconds_since_start,
)

_log = get_logger(__name__)

#: For closing files and threads, once everything is saved or nothing could be started.
_CLOSING_SECONDS = 5.0

_THREADS_SECONDS = 1.0

#: Rooms named in one log line; the number of all of them stands beside.
_MOST_NAMED = 50

#: A class and its teachers; fewer free places than this are worth a warning.
_FEW_CONNECTIONS = 1_000


class Application(Protocol):
    """Everything behind the process. Entered before `start`, left after `drain`."""

    @property
    def port(self) -> int:
        """The port it listens on, once started."""

    async def start(self) -> None:
        """Open the journal and listen. Raises OSError, StorageError or ConfigError when that cannot be."""

    async def drain(self, *, deadline_seconds: float) -> None:
        """Refuse the new, send the connected away in batches, save everything; within the deadline."""

    def reload_certificate(self) -> None:
        """Read the certificate again, soon; a bad one is logged and the old one stays."""

    def unsaved(self) -> Sequence[str]:
        """Rooms with edits that are not in the journal now, the most changed first. Must not wait."""


#: Objects made before a collection, and collections of each generation before one of the next.
_COLLECTION_THRESHOLDS = (10_000, 20, 20)


class Builder(Protocol):
    """Makes the application; `app.build_app` is the one of the real server."""

    def __call__(
        self, settings: Settings, *, max_connections: int
    ) -> AbstractAsyncContextManager[Application]: ...


def serve(settings: Settings, *, build: Builder) -> ExitCode:
    """Run a server until a signal ends it. For the main thread."""
    faulthandler.enable()
    _leave_modules_to_themselves()
    writer = configure_logging(settings.log)
    log_uncaught_errors()
    console = Console(writer) if writes_text(settings.log.format, sys.stderr) else None
    server = Server(settings, build=build, console=console, leave=lambda code: _leave_at_once(writer, code))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            code = runner.run(server.run())
    except Exception:  # noqa: BLE001 - the last frame: everything is told here, redacted, and nowhere else
        code = ExitCode.UNEXPECTED
        _log.exception(Event.SERVER_FAILED, exit_code=int(code))
    if threads := _threads_left():
        _log.warning(Event.THREADS_LEFT, threads=threads)
        _leave_at_once(writer, code)
    writer.close()
    return code


def _leave_modules_to_themselves() -> None:
    """Let no later collection look at what the imports made, which never goes.

    A full one took 80 to 115 ms in which nobody's edits went on, nearly all of it for modules. And let the
    small ones come rarely: rooms make no cycles, a large document makes many objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTION_THRESHOLDS)


def _threads_left() -> list[str]:
    """Threads that do not end within a second; the interpreter would wait for them, for ever if they hang."""
    own = threading.current_thread()
    threads = [thread for thread in threading.enumerate() if thread is not own and not thread.daemon]
    until = time.monotonic() + _THREADS_SECONDS
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return [thread.name for thread in threads if thread.is_alive()]


def _leave_at_once(writer: LogWriter, code: ExitCode) -> NoReturn:
    # Not sys.exit: that waits for threads, and one that hangs in a dead disk is why we are here. What is
    # in the journal survives this as it survives kill -9.
    writer.close()
    os._exit(code)


class Console:
    """What a person at the terminal reads besides the log."""

    def __init__(self, writer: LogWriter) -> None:
        self._writer = writer

    def ready(self, settings: Settings, port: int, max_connections: int) -> None:
        data = "in memory only, lost at exit" if settings.storage.memory_only else settings.storage.directory
        self._writer.write(
            f"\n  Collab Server {__version__} is ready\n\n"
            f"  Page       {base_url('http', settings, port)}\n"
            f"  Editors    {base_url('ws', settings, port)}<room>\n"
            f"  Data       {data}\n"
            f"  Room for   {max_connections:,} connections\n"
            "  Stop       Ctrl-C\n\n"
        )

    def failed(self, sentence: str, hint: str) -> None:
        self._writer.write(f"\n  {sentence}\n" + (f"  {hint}\n\n" if hint else "\n"))

    def draining(self) -> None:
        self._writer.write("\n  Stopping: saving everything. Ctrl-C again stops at once.\n\n")


class Server:
    """One run. `stop` may be called at any moment, from a signal handler of the loop."""

    def __init__(
        self,
        settings: Settings,
        *,
        build: Builder,
        leave: Callable[[ExitCode], None],
        console: Console | None = None,
    ) -> None:
        self._settings = settings
        self._build = build
        self._leave = leave
        self._console = console
        self._app: Application | None = None
        self._ready_at: float | None = None
        self._stop_requested = asyncio.Event()

    async def run(self) -> ExitCode:
        """Everything from the first log line to the last."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop, number.name)
        if self._settings.listen.tls_cert is not None:
            loop.add_signal_handler(signal.SIGHUP, self._reload_certificate)
        _log.info(Event.SERVER_STARTING, version=__version__, pid=os.getpid())
        try:
            code = await self._serve(self._max_connections())
        except (OSError, StorageError, ConfigError) as error:
            if self._ready_at is not None:
                raise
            return self._start_failed(error)
        uptime = time.monotonic() - self._ready_at if self._ready_at else 0.0
        _log.info(Event.SERVER_STOPPED, exit_code=int(code), uptime_seconds=round(uptime, 1))
        return code

    def stop(self, reason: str) -> None:
        """Begin the drain; called a second time, leave at once."""
        if self._stop_requested.is_set():
            self._force("second_signal")
            return
        self._stop_requested.set()
        seconds = self._settings.sessions.drain_seconds
        _log.info(Event.SERVER_DRAINING, reason=reason, deadline_seconds=seconds)
        if self._console is not None:
            self._console.draining()
        self._leave_after(seconds + _CLOSING_SECONDS, "deadline")

    def _reload_certificate(self) -> None:
        if self._ready_at is not None and self._app is not None:
            self._app.reload_certificate()

    async def _serve(self, max_connections: int) -> ExitCode:
        async with self._build(self._settings, max_connections=max_connections) as app:
            self._app = app
            try:
                await app.start()
                self._ready_at = time.monotonic()
                self._announce(app.port, max_connections)
                await self._stop_requested.wait()
                await app.drain(deadline_seconds=self._settings.sessions.drain_seconds)
                return self._judge(app.unsaved())
            finally:
                self._leave_after(_CLOSING_SECONDS, "closing")

    def _leave_after(self, seconds: float, reason: str) -> None:
        """Armed to the very end of the loop: closing a file can hang as well as saving one."""
        asyncio.get_running_loop().call_later(seconds, self._force, reason)

    def _announce(self, port: int, max_connections: int) -> None:
        settings = self._settings
        if self._console is not None:
            self._console.ready(settings, port, max_connections)
            return
        _log.info(
            Event.SERVER_READY,
            port=port,
            url=base_url("http", settings, port),
            ws_url=base_url("ws", settings, port),
            pid=os.getpid(),
            version=__version__,
            data=None if settings.storage.memory_only else str(settings.storage.directory.absolute()),
            max_connections=max_connections,
            startup_seconds=round(seconds_since_start(), 3),
        )

    def _max_connections(self) -> int:
        wanted = self._settings.listen.max_connections
        limit = raise_file_limit()
        fit = connections_that_fit(limit)
        if fit < (wanted or _FEW_CONNECTIONS):
            hint = "Raise it with `ulimit -n` or LimitNOFILE= before the start."
            _log.warning(Event.FILE_LIMIT_LOW, file_limit=limit, connections_that_fit=fit, hint=hint)
        return min(wanted, fit) if wanted else fit

    def _start_failed(self, error: OSError | StorageError | ConfigError) -> ExitCode:
        failure = explain_start_failure(error, self._settings)
        if self._console is not None:
            self._console.failed(failure.sentence, failure.hint)
        else:
            _log.error(Event.SERVER_START_FAILED, error=failure.sentence, hint=failure.hint)
        return ExitCode.CANNOT_START

    def _judge(self, unsaved: Sequence[str]) -> ExitCode:
        if not unsaved:
            return ExitCode.OK
        _log.error(Event.DRAIN_INCOMPLETE, unsaved=len(unsaved), rooms=list(unsaved[:_MOST_NAMED]))
        return ExitCode.NOT_SAVED

    def _force(self, reason: str) -> None:
        unsaved = self._app.unsaved() if self._app is not None else ()
        rooms = list(unsaved[:_MOST_NAMED])
        _log.error(Event.SERVER_DRAIN_FORCED, reason=reason, unsaved=len(unsaved), rooms=rooms)
        self._leave(ExitCode.NOT_SAVED)
