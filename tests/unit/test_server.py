from __future__ import annotations

import asyncio
import gc
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from collab_storage import LockedError
from structlog.testing import capture_logs

from collab_server import server as server_module
from collab_server.config import ListenSettings, SessionSettings, Settings
from collab_server.observability.log_writer import LogWriter
from collab_server.process import ExitCode
from collab_server.server import Console, Server


class _App:
    """An application whose start, drain and edits are decided by the test."""

    def __init__(self) -> None:
        self.port = 4321
        self.started = asyncio.Event()
        self.start_error: Exception | None = None
        self.drain_hangs = False
        self.close_hangs = False
        self.drained_within: float | None = None
        self.not_saved: list[str] = []
        self.closed = False
        self.reloads = 0

    async def start(self) -> None:
        if self.start_error is not None:
            raise self.start_error
        self.started.set()

    async def drain(self, *, deadline_seconds: float) -> None:
        self.drained_within = deadline_seconds
        if self.drain_hangs:
            await asyncio.Event().wait()

    def unsaved(self) -> list[str]:
        return self.not_saved

    def reload_certificate(self) -> None:
        self.reloads += 1


class _Run:
    """A server around an `_App`, and what it logged."""

    def __init__(self, settings: Settings | None = None, *, console: Console | None = None) -> None:
        self.app = _App()
        self.left: list[ExitCode] = []
        self.has_left = asyncio.Event()
        self.max_connections = 0
        self.server = Server(settings or Settings(), build=self._build, leave=self._leave, console=console)

    def _leave(self, code: ExitCode) -> None:
        self.left.append(code)
        self.has_left.set()

    @asynccontextmanager
    async def _build(self, settings: Settings, *, max_connections: int) -> AsyncIterator[_App]:
        self.max_connections = max_connections
        try:
            yield self.app
        finally:
            self.app.closed = True
            if self.app.close_hangs:
                await asyncio.Event().wait()

    async def __aenter__(self) -> _Run:
        self.task = asyncio.create_task(self.server.run())
        await self.app.started.wait()
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[dict[str, object]]]:
    with capture_logs() as lines:
        yield lines  # type: ignore[misc]


@pytest.fixture(autouse=True)
def _own_signal_handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def _events(logged: list[dict[str, object]]) -> list[str]:
    return [str(line["event"]) for line in logged]


async def test_a_run_from_start_to_stop(logged: list[dict[str, object]]) -> None:
    async with _Run() as run:
        run.server.stop("test")
        assert await run.task is ExitCode.OK
        assert run.app.drained_within == 25.0
        assert run.app.closed
    names = [name for name in _events(logged) if name != "file_limit_low"]
    assert names == ["server_starting", "server_ready", "server_draining", "server_stopped"]


async def test_what_a_supervisor_reads_when_it_is_ready(logged: list[dict[str, object]]) -> None:
    async with _Run():
        (ready,) = [line for line in logged if line["event"] == "server_ready"]
    assert ready["port"] == 4321
    assert ready["url"] == "http://127.0.0.1:4321/"
    assert ready["ws_url"] == "ws://127.0.0.1:4321/"
    assert ready["pid"] == os.getpid()
    assert {"version", "data", "max_connections", "startup_seconds"} <= ready.keys()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_it(number: signal.Signals, logged: list[dict[str, object]]) -> None:
    async with _Run() as run:
        os.kill(os.getpid(), number)
        assert await run.task is ExitCode.OK
    assert [line["reason"] for line in logged if line["event"] == "server_draining"] == [number.name]


async def test_hangup_reads_the_certificate_again() -> None:
    listen = ListenSettings(tls_cert=Path("cert.pem"), tls_key=Path("key.pem"))
    async with _Run(Settings(listen=listen)) as run:
        os.kill(os.getpid(), signal.SIGHUP)
        async with asyncio.timeout(5):
            while not run.app.reloads:  # noqa: ASYNC110 - a signal wakes nobody here
                await asyncio.sleep(0.001)
        run.server.stop("test")
        assert await run.task is ExitCode.OK


async def test_a_second_signal_leaves_at_once_and_lists_what_is_not_saved(
    logged: list[dict[str, object]],
) -> None:
    async with _Run() as run:
        run.app.drain_hangs = True
        run.app.not_saved = ["default/physics", "default/chemistry"]
        run.server.stop("first")
        run.server.stop("second")
        assert run.left == [ExitCode.NOT_SAVED]
    (line,) = [line for line in logged if line["event"] == "server_drain_forced"]
    assert line["reason"] == "second_signal"
    assert (line["unsaved"], line["rooms"]) == (2, ["default/physics", "default/chemistry"])


async def test_the_deadline_leaves_at_once(
    logged: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collab_server.server._CLOSING_SECONDS", 0.0)
    async with _Run(Settings(sessions=SessionSettings(drain_seconds=0.01))) as run:
        run.app.drain_hangs = True
        run.server.stop("test")
        async with asyncio.timeout(5):
            await run.has_left.wait()
    assert run.left[0] is ExitCode.NOT_SAVED
    assert "server_drain_forced" in _events(logged)


async def test_files_that_cannot_be_closed_do_not_keep_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collab_server.server._CLOSING_SECONDS", 0.01)
    async with _Run() as run:
        run.app.close_hangs = True
        run.server.stop("test")
        async with asyncio.timeout(5):
            await run.has_left.wait()
    assert run.left == [ExitCode.NOT_SAVED]


async def test_edits_that_could_not_be_saved_show_in_the_exit_code(logged: list[dict[str, object]]) -> None:
    async with _Run() as run:
        run.app.not_saved = [f"default/{number}" for number in range(60)]
        run.server.stop("test")
        assert await run.task is ExitCode.NOT_SAVED
    (line,) = [line for line in logged if line["event"] == "drain_incomplete"]
    assert line["unsaved"] == 60
    assert isinstance(line["rooms"], list)
    assert len(line["rooms"]) == 50


async def test_a_start_that_fails_is_one_sentence(logged: list[dict[str, object]]) -> None:
    run = _Run()
    run.app.start_error = LockedError(path="data", holder="pid 7")
    assert await run.server.run() is ExitCode.CANNOT_START
    assert run.app.closed
    (line,) = [line for line in logged if line["event"] == "server_start_failed"]
    assert line["error"] == "data is in use by another server: pid 7."


async def test_a_bug_is_not_explained_away() -> None:
    run = _Run()
    run.app.start_error = RuntimeError("a bug")
    with pytest.raises(RuntimeError, match="a bug"):
        await run.server.run()


async def test_an_error_of_the_disk_later_on_is_no_failed_start() -> None:
    async with _Run() as run:
        run.app.unsaved = _raise_os_error  # type: ignore[method-assign]
        run.server.stop("test")
        with pytest.raises(OSError, match="disk"):
            await run.task


def _raise_os_error() -> list[str]:
    raise OSError("disk")


async def test_the_connections_that_are_asked_for_are_the_most() -> None:
    async with _Run(Settings(listen=ListenSettings(max_connections=7))) as run:
        assert run.max_connections == 7


async def test_too_low_a_file_limit_is_told(
    logged: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collab_server.server.raise_file_limit", lambda: 256)
    async with _Run() as run:
        assert run.max_connections == 64
    (line,) = [line for line in logged if line["event"] == "file_limit_low"]
    assert (line["file_limit"], line["connections_that_fit"]) == (256, 64)


async def test_a_person_reads_addresses_and_how_to_stop(logged: list[dict[str, object]]) -> None:
    stream = io.StringIO()
    writer = LogWriter(stream, tell_dropped=str)
    async with _Run(console=Console(writer)) as run:
        run.server.stop("test")
        await run.task
    writer.close()
    text = stream.getvalue()
    assert "http://127.0.0.1:4321/" in text
    assert "ws://127.0.0.1:4321/<room>" in text
    assert f"Room for   {run.max_connections:,} connections" in text
    assert "Ctrl-C again stops at once" in text
    assert "server_ready" not in _events(logged)


async def test_a_person_reads_why_it_does_not_start() -> None:
    stream = io.StringIO()
    writer = LogWriter(stream, tell_dropped=str)
    run = _Run(console=Console(writer))
    run.app.start_error = LockedError(path="data", holder="pid 7")
    await run.server.run()
    writer.close()
    assert "in use by another server: pid 7.\n  Stop that server" in stream.getvalue()


_HANGING_PROGRAM = """
import asyncio, sys, threading
from contextlib import asynccontextmanager
from collab_server.config import LogSettings, Settings
from collab_server.server import serve

@asynccontextmanager
async def build(settings, *, max_connections):
    threading.Thread(target=threading.Event().wait, name="hangs").start()
    raise RuntimeError("token=abc")
    yield

sys.exit(serve(Settings(log=LogSettings(format="json")), build=build))
"""


def test_a_thread_that_hangs_does_not_keep_a_failed_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _HANGING_PROGRAM], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == ExitCode.UNEXPECTED
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    events = [line["event"] for line in lines if line["event"] != "file_limit_low"]
    assert events == ["server_starting", "server_failed", "threads_left"]
    assert lines[-2]["exception"].endswith("RuntimeError: token=***")
    assert lines[-1]["threads"] == ["hangs"]


def test_collections_leave_what_the_imports_made_alone() -> None:
    """Story: a full collection held everybody's edits for 80 to 115 ms, nearly all of it for modules."""
    thresholds = gc.get_threshold()
    try:
        server_module._leave_modules_to_themselves()
        assert gc.get_freeze_count() > 10_000
        assert gc.get_threshold()[0] > thresholds[0]
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
