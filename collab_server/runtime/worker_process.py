"""One worker process: started, asked, watched, ended. All of its streams are bounded.

Owns the process and what its death means. Knows no queue, no deadline and no job.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from subprocess import PIPE, Popen, TimeoutExpired
from typing import IO, Self

from collab_server.errors import FailureKind, JobFailed
from collab_server.pipe import JSON, LENGTHS_BYTES, BadFrame, decode_head, decode_lengths
from collab_server.runtime.worker_stderr import ErrorTail

ENTRY_POINT = "collab_server.engine.worker"
#: Exit code of a worker that ran out of memory in Python.
_EXIT_OUT_OF_MEMORY = 70
#: For the interpreter to start, on a machine that is busy with a class.
START_SECONDS = 30.0
#: For a worker without a job to end by itself; a job is not waited for here.
END_SECONDS = 2.0
#: Stderr beyond the first is read at this pace: a worker that floods it slows down itself alone.
_READ_BYTES, _FREE_BYTES, _PAUSE_SECONDS = 16_384, 262_144, 0.01


class _Output:
    """A pipe that the process writes to."""

    def __init__(self, reader: asyncio.StreamReader, transport: asyncio.ReadTransport) -> None:
        self.reader = reader
        self.transport = transport

    @classmethod
    async def of(cls, pipe: IO[bytes]) -> Self:
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        return cls(reader, transport)


async def _writer(pipe: IO[bytes]) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), pipe
    )
    return asyncio.StreamWriter(transport, protocol, None, loop)


class WorkerProcess:
    """Use: `launch`, `ready`, `ask` one after the other, `end`, which is always due."""

    def __init__(self, process: Popen[bytes], stdin: asyncio.StreamWriter, *outputs: _Output) -> None:
        self._process = process
        self._stdin = stdin
        self._outputs = outputs
        self._stdout, stderr = (output.reader for output in outputs)
        self._tail = ErrorTail()
        self._listening = asyncio.create_task(self._listen(stderr), name="worker stderr")

    @classmethod
    async def launch(cls, *arguments: str) -> Self:
        """A new process. Raises OSError if none can be had."""
        # Here, for uvloop would copy our page tables: 40 ms of its loop where the server has 400 MB, against
        # 1 ms. Not in a thread, whose end would end the worker (see `engine.host`). A session of its own:
        # Ctrl-C at the terminal must not end it, not even while it starts.
        process = Popen(  # noqa: ASYNC220
            [sys.executable, "-P", "-m", ENTRY_POINT, *arguments],
            bufsize=0, stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True,
        )  # fmt: skip
        opening = asyncio.ensure_future(cls._open(process))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            # Nobody knows of it yet who could end it.
            await (await opening).end(at_once=True)
            raise

    @classmethod
    async def _open(cls, process: Popen[bytes]) -> Self:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        stdin = await _writer(process.stdin)
        return cls(process, stdin, await _Output.of(process.stdout), await _Output.of(process.stderr))

    async def ready(self) -> None:
        """Wait until it takes jobs. Raises JobFailed."""
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._receive()
        except TimeoutError:
            text = f"the worker did not start within {START_SECONDS:.0f} s"
            raise JobFailed(FailureKind.DEADLINE, text) from None

    @property
    def pid(self) -> int:
        return self._process.pid

    def stderr_lines(self) -> list[str]:
        """The end of its stderr, without content."""
        return self._tail.lines()

    async def ask(self, frame: bytes) -> tuple[dict[str, JSON], bytes]:
        """Send a request and wait for its answer. Raises JobFailed if the process ends or talks nonsense.

        After an error, or if cancelled, it can only be ended.
        """
        try:
            self._stdin.write(frame)
            await self._stdin.drain()
        except OSError:
            # It has ended; what it said before, and how it ended, is found out below.
            pass
        return await self._receive()

    async def _receive(self) -> tuple[dict[str, JSON], bytes]:
        try:
            head_bytes, data_bytes = decode_lengths(await self._stdout.readexactly(LENGTHS_BYTES))
            head = decode_head(await self._stdout.readexactly(head_bytes))
            return head, await self._stdout.readexactly(data_bytes)
        except BadFrame as error:
            raise JobFailed(FailureKind.CRASHED, f"the worker sent what is no answer: {error}") from error
        except (asyncio.IncompleteReadError, OSError) as error:
            raise await self._death() from error

    async def _death(self) -> JobFailed:
        """Why a process whose stdout has ended is dying, once it is dead."""
        await self.end()
        code = self._process.returncode
        if code == _EXIT_OUT_OF_MEMORY or (code == -signal.SIGABRT and self._tail.out_of_memory):
            return JobFailed(FailureKind.OUT_OF_MEMORY, "the worker reached its limit of memory")
        return JobFailed(FailureKind.CRASHED, f"the worker ended by {_describe(code)}")

    async def end(self, *, at_once: bool = False) -> None:
        """Close its stdin, which ends it; kill it if it takes long. May be called again."""
        if at_once:
            self._kill()
        self._stdin.close()
        try:
            await asyncio.to_thread(self._process.wait, END_SECONDS)
        except TimeoutExpired:
            self._kill()
            await asyncio.to_thread(self._process.wait)
        # What is still in the pipes.
        while await self._stdout.read(_READ_BYTES):
            pass
        await self._listening
        for output in self._outputs:
            output.transport.close()

    def _kill(self) -> None:
        # Nothing if it has ended by itself.
        self._process.kill()

    async def _listen(self, stderr: asyncio.StreamReader) -> None:
        read = 0
        while data := await stderr.read(_READ_BYTES):
            self._tail.feed(data)
            read += len(data)
            if read > _FREE_BYTES and self._process.poll() is None:
                await asyncio.sleep(_PAUSE_SECONDS)


def _describe(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
