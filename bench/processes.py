"""Start a server on one core, wait until it accepts, end it. Owns the servers' processes and ports."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.systems import Launch, System

_READY_SECONDS = 20.0
_STOP_SECONDS = 10.0
#: Where stalls of our server's loop are looked for.
_PROBED = {"COLLAB_LATENCY__LOOP_PROBE_SECONDS": "0.002"}
_PORTS = (20_000, 32_000)


class ServerFailed(RuntimeError):
    """The server under test did not start, or died while it was measured."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Where the server and the generator run; None means not pinned (a machine with one core)."""

    server: int | None
    generator: int | None

    @classmethod
    def choose(cls) -> Cores:
        """The first two cores this process may use."""
        usable = sorted(os.sched_getaffinity(0))
        return cls(usable[0], usable[1]) if len(usable) > 1 else cls(None, None)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server under test."""

    pid: int
    port: int


@contextlib.contextmanager
def running(
    system: System,
    scratch: Path,
    core: int | None,
    document: Path | None = None,
    *,
    stored: Path | None = None,
) -> Iterator[Server]:
    """Run `system` with its files in `scratch` until the block ends; `stored` is what it finds there."""
    data = scratch / "data"
    if stored is None:
        data.mkdir(parents=True)
    else:
        shutil.copytree(stored, data)
    wanted = free_port()
    launch = system.launch(wanted, data, document)
    if stored is not None:
        launch = dataclasses.replace(launch, environment=launch.environment | _PROBED)
    log = scratch / "server.log"
    with log.open("wb") as output:
        process = _start(launch, output.fileno(), core)
        try:
            port = _ready(process, launch, wanted, log)
            yield Server(process.pid, port)
            if process.poll() is not None:
                raise ServerFailed(f"{system.name} ended with {process.returncode}: {_tail(log)}")
        finally:
            stop(process)


def _start(launch: Launch, output: int, core: int | None) -> subprocess.Popen[bytes]:
    def prepare() -> None:
        if core is not None:
            os.sched_setaffinity(0, {core})
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    return subprocess.Popen(
        launch.argv,
        env=os.environ | launch.environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        preexec_fn=prepare,
        start_new_session=True,
    )


def _ready(process: subprocess.Popen[bytes], launch: Launch, port: int, log: Path) -> int:
    """Wait until the server accepts connections; return its port."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerFailed(f"ended with {process.returncode} before it was ready: {_tail(log)}")
        found = announced_port(log) if launch.announces_port else port
        if found is not None and _accepts(found):
            return found
        time.sleep(0.05)
    raise ServerFailed(f"not ready after {_READY_SECONDS:.0f} s: {_tail(log)}")


def announced_port(log: Path) -> int | None:
    """The port in the log's `server_ready` line, once it is there."""
    for line in log.read_text(errors="replace").splitlines():
        if '"server_ready"' not in line:
            continue
        with contextlib.suppress(ValueError):
            return int(json.loads(line)["port"])
    return None


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """A loopback port that was free a moment ago, below those that outgoing connections take."""
    while True:
        port = random.randrange(*_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it started: politely, then not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # The process leads its own group, so its workers go with it.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]
