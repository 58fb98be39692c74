"""The server as its users run it: a process of its own, started, stopped, killed and started again.

Owns the process, its log and its port. Any program that prints `{"event": "server_ready", "port": …}` on
stderr will do, so the servers to compare with run in the same fixture.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import ssl
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families

from tests.support.certificates import Pair, make_pair
from tests.support.install import NODE_DIRECTORY
from tests.support.waiting import PATIENCE, Changes, WaitFailed

HOST = "127.0.0.1"
#: How long a staged shutdown may take before it counts as hanging (the drain is 25 s by default).
STOP_SECONDS = 40.0
LOG_LINES = 20_000
#: What Hypercorn says when it listens.
_HYPERCORN_READY = re.compile(r"Running on https?://\S+:(\d+) ")


class ServerFailed(AssertionError):
    """The server did not start, or did not end as it should."""


class ServerProcess:
    """One server process at a time on one port; `restart` keeps port and data."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        tls: Pair | None = None,
        port_arguments: Callable[[int], Sequence[str]] = lambda port: ("--port", str(port)),
    ) -> None:
        self.command = list(command)
        self._port_arguments = port_arguments
        self._env = {**os.environ, **(env or {})}
        self._changes = Changes()
        self._log_task: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self.log: deque[dict[str, Any]] = deque(maxlen=LOG_LINES)
        self.port = 0
        #: The certificate that the server shows, if it speaks TLS.
        self.tls = tls
        self.start_seconds = 0.0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.running:
            return
        if kind is None:
            await self.stop()
        else:
            await self.kill9()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def url(self) -> str:
        """Base URL for WebSockets; a room is a path under it."""
        return f"{'ws' if self.tls is None else 'wss'}://{HOST}:{self.port}"

    @property
    def http(self) -> str:
        return f"{'http' if self.tls is None else 'https'}://{HOST}:{self.port}"

    @property
    def client_tls(self) -> ssl.SSLContext | None:
        """How a client in Python connects."""
        return None if self.tls is None else self.tls.client_context()

    @property
    def rss(self) -> int:
        """Resident memory of the process, in bytes."""
        return int(psutil.Process(self.pid).memory_info().rss)

    @property
    def cpu_seconds(self) -> float:
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)

    def log_tail(self, count: int = 30) -> str:
        return "\n".join(json.dumps(line) for line in list(self.log)[-count:])

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line.get("event") == event]

    async def start(self) -> None:
        """Start and wait until it says that it is ready. Raises ServerFailed with the end of its log."""
        assert not self.running
        ready_before = len(self.logged("server_ready"))
        began = asyncio.get_running_loop().time()
        self._process = await asyncio.create_subprocess_exec(
            *self.command,
            *self._port_arguments(self.port),
            env=self._env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            limit=1 << 22,
        )
        self._log_task = asyncio.create_task(self._read_log(self._process), name="server log")
        await self._wait_ready(ready_before)
        self.start_seconds = asyncio.get_running_loop().time() - began

    async def _wait_ready(self, ready_before: int) -> None:
        def look() -> bool:
            return not self.running or len(self.logged("server_ready")) > ready_before

        try:
            await self._changes.wait_for(look, within=PATIENCE, what="server_ready")
        except WaitFailed as failure:
            await self.kill9()
            raise ServerFailed(f"{failure}\n{self.log_tail()}") from failure
        ready = self.logged("server_ready")
        if len(ready) <= ready_before:
            raise ServerFailed(f"the server ended before it was ready\n{self.log_tail()}")
        self.port = int(ready[-1]["port"])

    async def stop(self, *, expect: int = 0) -> None:
        """SIGTERM, and assert the orderly exit. Raises ServerFailed."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                code = await self._process.wait()
        except TimeoutError:
            await self.kill9()
            raise ServerFailed(f"no exit within {STOP_SECONDS} s of SIGTERM\n{self.log_tail()}") from None
        await self._finish_log()
        if code != expect:
            raise ServerFailed(f"exit code {code} instead of {expect}\n{self.log_tail()}")

    async def kill9(self) -> None:
        """SIGKILL, and wait until the process is gone."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._finish_log()

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def wait_logged(self, event: str, *, count: int = 1) -> None:
        """Until the log has this event so often. Raises WaitFailed."""
        await self._changes.wait_for(lambda: len(self.logged(event)) >= count, what=event)

    async def restart(self, *, kill: bool = False) -> None:
        """Stop (or kill -9) and start on the same port with the same data."""
        await (self.kill9() if kill else self.stop())
        await self.start()

    async def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of one plain HTTP request on a connection of its own."""
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(HOST, self.port, ssl=self.client_tls)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.read(-1)
            finally:
                writer.close()
        if b"chunked" in head.lower():
            body = _unchunk(body)
        return int(head.split(b" ", 2)[1]), body

    async def metrics(self) -> dict[str, float]:
        """Every sample of /metrics: `name` or `name{label="value",…}` → value."""
        status, body = await self.get("/metrics")
        assert status == 200, f"/metrics answered {status}"
        samples: dict[str, float] = {}
        for family in text_string_to_metric_families(body.decode()):
            for sample in family.samples:
                labels = ",".join(f'{key}="{value}"' for key, value in sorted(sample.labels.items()))
                samples[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
        return samples

    async def _read_log(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            self.log.append(_parse(line))
            self._changes.notify()
        await process.wait()
        self._changes.notify()

    async def _finish_log(self) -> None:
        if self._log_task is not None:
            await self._log_task
            self._log_task = None


def _parse(line: bytes) -> dict[str, Any]:
    text = line.decode(errors="replace").rstrip()
    if ready := _HYPERCORN_READY.search(text):
        return {"event": "server_ready", "port": int(ready[1]), "text": text}
    try:
        value = json.loads(text)
    except ValueError:
        return {"text": text}
    return value if isinstance(value, dict) else {"text": text}


def _unchunk(body: bytes) -> bytes:
    out = bytearray()
    while True:
        size, _, body = body.partition(b"\r\n")
        count = int(size, 16)
        if count == 0:
            return bytes(out)
        out += body[:count]
        body = body[count + 2 :]


def our_server(data: Path, *, env: Mapping[str, str] | None = None, tls: Pair | None = None) -> ServerProcess:
    """The real server on the data directory `data`, through its command line."""
    command = [str(Path(sys.executable).with_name("collab-server")), "serve", "--host", HOST]
    return ServerProcess([*command, "--data", str(data), "--log-format", "json"], env=env, tls=tls)


def tls_server(data: Path) -> ServerProcess:
    """The real server with a certificate that was made for it, beside its data."""
    data.mkdir(parents=True, exist_ok=True)
    pair = make_pair(data)
    env = {"COLLAB_LISTEN__TLS_CERT": str(pair.cert), "COLLAB_LISTEN__TLS_KEY": str(pair.key)}
    return our_server(data, env=env, tls=pair)


def asgi_server(
    data: Path, *, app: str = "collab_server.asgi:app", options: Sequence[str] = (), **settings: str
) -> ServerProcess:
    """The same server as an ASGI application under plain Hypercorn; `settings` are variables of ours."""
    command = [str(Path(sys.executable).with_name("hypercorn")), "--worker-class", "uvloop", "--workers", "0"]
    env = {"COLLAB_STORAGE__DIRECTORY": str(data), "COLLAB_LOG__FORMAT": "json", **settings}
    return ServerProcess(
        [*command, *options, app], env=env, port_arguments=lambda port: ("--bind", f"{HOST}:{port}")
    )


def mute_server() -> ServerProcess:
    """The control: completes handshake and first sync, relays and keeps nothing."""
    return _stand_in("mute")


def memory_server() -> ServerProcess:
    """The stock server without persistence: relays, and forgets everything when it ends."""
    return _stand_in("memory")


def _stand_in(kind: str) -> ServerProcess:
    return ServerProcess(
        ["node", str(NODE_DIRECTORY / "standin.mjs"), kind, HOST], port_arguments=lambda port: (str(port),)
    )
