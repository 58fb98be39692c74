"""Yjs in Node processes: where histories come from, and who judges the bytes that this server makes.

Owns the processes and their pipes. Knows nothing of updates; a request and its answer are JSON
(`node/worker.mjs`), bytes in them base64.
"""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

NODE_DIRECTORY = Path(__file__).resolve().parent / "node"
BATCH_SECONDS = 60.0
BATCH_SIZE = 40
#: A mutant that makes Yjs allocate without end must end the worker, not the machine.
HEAP_MB = 1024

Request = dict[str, Any]
Answer = dict[str, Any]


class JudgeGone(Exception):
    """The worker ended or did not answer in time: what it was asked kills or hangs a browser too."""


def text_of(data: bytes) -> str:
    return b64encode(data).decode()


def bytes_of(text: str) -> bytes:
    return b64decode(text)


def generate(script: str, *arguments: object) -> Iterator[dict[str, Any]]:
    """The JSON lines that a generator prints. Raises CalledProcessError if it fails."""
    command = ["node", script, *map(str, arguments)]
    with subprocess.Popen(command, cwd=NODE_DIRECTORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield from map(json.loads, process.stdout)
        except GeneratorExit:
            process.kill()
            raise
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)


class Judge:
    """One worker process; asks it batches, of which two are under way at a time."""

    def __init__(self) -> None:
        self._answers: queue.Queue[str] = queue.Queue()
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def ask(self, **request: Any) -> Answer:
        return self._exchange([request])[0]

    def ask_all(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        """Answer a stream of requests in order. One that ends or hangs the worker has the answer
        `{"problem": …}`, and the next one meets a fresh worker."""
        under_way: list[list[Request]] = []
        for batch in _batches(requests):
            self._send(batch)
            under_way.append(batch)
            if len(under_way) == 2:
                yield from self._collect(under_way)
        while under_way:
            yield from self._collect(under_way)

    def _collect(self, under_way: list[list[Request]]) -> Iterator[tuple[Request, Answer]]:
        batch = under_way.pop(0)
        try:
            answers = self._receive()
        except JudgeGone:
            self._restart()
            answers = [self._ask_alone(request) for request in batch]
            for other in under_way:
                self._send(other)
        yield from zip(batch, answers, strict=True)

    def _ask_alone(self, request: Request) -> Answer:
        try:
            return self._exchange([request])[0]
        except JudgeGone as error:
            self._restart()
            return {"problem": f"the worker is gone: {error}"}

    def _exchange(self, batch: Sequence[Request]) -> list[Answer]:
        self._send(batch)
        return self._receive()

    def _send(self, batch: Sequence[Request]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(batch) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return  # The next receive tells.

    def _receive(self) -> list[Answer]:
        try:
            line = self._answers.get(timeout=BATCH_SECONDS)
        except queue.Empty:
            raise JudgeGone(f"no answer in {BATCH_SECONDS} s") from None
        if not line:
            raise JudgeGone("it ended")
        answers: list[Answer] = json.loads(line)
        return answers

    def _start(self) -> None:
        command = ["node", f"--max-old-space-size={HEAP_MB}", "worker.mjs"]
        self._answers = queue.Queue()
        self._process = subprocess.Popen(
            command, cwd=NODE_DIRECTORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        arguments = (self._process, self._answers)
        self._reader = threading.Thread(target=_pump, args=arguments, name="judge answers")
        self._reader.start()

    def _stop(self) -> None:
        assert self._process is not None
        assert self._reader is not None
        self._process.kill()
        self._reader.join()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            _close(pipe)

    def _restart(self) -> None:
        self._stop()
        self._start()


def _pump(process: subprocess.Popen[str], answers: queue.Queue[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        answers.put(line)
    answers.put("")


def _close(pipe: Any) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return  # What was buffered for a worker that is gone.


def _batches(requests: Iterable[Request]) -> Iterator[list[Request]]:
    batch: list[Request] = []
    for request in requests:
        batch.append(request)
        if len(batch) == BATCH_SIZE:
            yield batch
            batch = []
    if batch:
        yield batch
