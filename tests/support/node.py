"""A Node process with stock Yjs clients, driven by calls. Owns the process and its pending calls."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.install import NODE_DIRECTORY
from tests.support.waiting import PATIENCE, WaitFailed

#: Seconds beyond a wait's own bound after which the Node process itself counts as stuck.
GRACE = 20.0
LINE_LIMIT = 64 << 20
Y_WEBSOCKET_VERSIONS = ("1.5", "2.1", "3.1")


class NodeError(AssertionError):
    """A call failed inside the Node process, or the process is gone."""


class NodeProcess:
    """One Node script that answers JSON-lines calls (`tests/node/rpc.mjs`)."""

    def __init__(
        self, script: str, *arguments: str, cwd: Path = NODE_DIRECTORY, trusted: Path | None = None
    ) -> None:
        # The one way to make Node's stock clients trust a certificate of ours.
        self._env = None if trusted is None else {**os.environ, "NODE_EXTRA_CA_CERTS": str(trusted)}
        self._command = ("node", script, *arguments)
        self._cwd = cwd
        self._ids = itertools.count(1)
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._stderr: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._process: asyncio.subprocess.Process | None = None
        self._ready = asyncio.Event()

    async def __aenter__(self) -> Self:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            cwd=self._cwd,
            env=self._env,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            limit=LINE_LIMIT,
        )
        self._tasks = [
            asyncio.create_task(self._read_answers(), name="node answers"),
            asyncio.create_task(self._read_errors(), name="node stderr"),
        ]
        async with asyncio.timeout(GRACE):
            await self._ready.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def stderr(self) -> str:
        """What the process wrote to stderr, as the warnings of a page's console."""
        return "\n".join(self._stderr)

    @property
    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None, "the Node process was not started"
        return self._process

    async def call(self, operation: str, *, bound: float = GRACE, **params: Any) -> Any:
        """Run one operation and return its JSON answer. Raises WaitFailed or NodeError."""
        stdin = self._running.stdin
        assert stdin is not None
        number = next(self._ids)
        future = self._pending[number] = asyncio.get_running_loop().create_future()
        try:
            stdin.write(json.dumps({"id": number, "op": operation, **params}).encode() + b"\n")
            async with asyncio.timeout(bound):
                await stdin.drain()
                return await future
        except (TimeoutError, ConnectionError) as error:
            raise NodeError(f"{operation}: no answer from Node: {error!r}\n{self.stderr}") from error
        finally:
            self._pending.pop(number, None)

    async def kill(self) -> None:
        """End the process at once, as a closed laptop lid would. Idempotent."""
        process = self._running
        if process.returncode is None:
            process.kill()
        await process.wait()
        await asyncio.gather(*self._tasks)

    async def _read_answers(self) -> None:
        stdout = self._running.stdout
        assert stdout is not None
        while line := await stdout.readline():
            message = json.loads(line)
            if message.get("event") == "ready":
                self._ready.set()
            else:
                self._settle(message)
        for future in self._pending.values():
            if not future.done():
                future.set_exception(NodeError(f"the Node process ended\n{self.stderr}"))

    def _settle(self, message: dict[str, Any]) -> None:
        future = self._pending.get(message["id"])
        if future is None or future.done():
            return
        if "error" not in message:
            future.set_result(message["ok"])
        elif message["kind"] == "wait":
            future.set_exception(WaitFailed(message["error"]))
        else:
            future.set_exception(NodeError(message["error"]))

    async def _read_errors(self) -> None:
        stderr = self._running.stderr
        assert stderr is not None
        while line := await stderr.readline():
            self._stderr.append(line.decode(errors="replace").rstrip())


class NodeClient:
    """One stock provider inside a Node process: what a participant's editor would do, by name."""

    def __init__(self, process: NodeProcess, name: str = "main") -> None:
        self.process = process
        self.name = name
        self.client_id = 0

    async def call(self, operation: str, *, bound: float = GRACE, **params: Any) -> Any:
        return await self.process.call(operation, bound=bound, client=self.name, **params)

    async def open(self, version: str, url: str, room: str, **options: Any) -> Self:
        """Create document and provider. The one Yjs of the process is asserted."""
        opened = await self.call("open", version=version, url=url, room=room, **options)
        assert opened["yjs"] == 1, "a process must load Yjs exactly once"
        self.client_id = opened["clientId"]
        return self

    async def wait(self, condition: str, *, within: float = PATIENCE, **params: Any) -> Any:
        """Wait for a condition of `tests/node/client.mjs`. Raises WaitFailed after `within` seconds."""
        return await self.call("wait", name=condition, timeout=within, bound=within + GRACE, **params)

    async def insert(self, value: str, *, at: int | None = None, **params: Any) -> None:
        place = {} if at is None else {"at": at}
        await self.call("insert", value=value, **place, **params)

    async def delete(self, at: int, count: int) -> None:
        await self.call("delete", at=at, count=count)

    async def text(self) -> str:
        return str(await self.call("text"))

    async def set_awareness(self, field: str, value: Any) -> None:
        await self.call("setAwareness", field=field, value=value)

    async def hello(self) -> None:
        """Take part in the room's channel messages (type 100), as a page does that shows what is saved."""
        await self.call("send", envelope={"op": "hello", "v": 1, "channels": {}})

    async def until_saved(self, mark: int = 1, *, within: float = 30.0) -> None:
        """Wait until everything that the client sent so far is reported journaled. Raises WaitFailed."""
        await self.hello()
        await self.call("send", envelope={"op": "mark", "id": mark})
        saved = {"op": "saved", "mark": mark, "level": "journaled"}
        await self.wait("envelope", match=saved, within=within)

    async def events(self, *kinds: str) -> list[dict[str, Any]]:
        """The client's log, or of it the events of the given kinds; times in milliseconds."""
        log: Iterable[dict[str, Any]] = await self.call("log")
        return [event for event in log if not kinds or event["type"] in kinds]
