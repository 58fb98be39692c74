"""Entry point of a worker process: `python -m collab_server.engine.worker TABLE MEMORY_BYTES NICE`.

Reads jobs from stdin, one after the other, runs each on a thread with a large stack, answers on what was
stdout. Owns the limits of its process and its end: it dies with the server, whatever a job does. Knows no
job; TABLE names the module that does.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from typing import BinaryIO

from collab_storage import StorageError

from collab_server.engine.host import die_with_parent, give_back_memory, mapped_bytes, resident_bytes
from collab_server.engine.job import Job, Result
from collab_server.errors import CollabError
from collab_server.pipe import (
    JSON,
    LENGTHS_BYTES,
    MAX_FILE_BYTES,
    MAX_INLINE_BYTES,
    BadFrame,
    decode_head,
    decode_lengths,
    encode_frame,
)

#: Yrs walks documents by recursion: 500,000 types in one another pass with this, and a page of it is memory
#: only once it is touched.
STACK_BYTES = 1 << 30
_MAX_REASON = 2_000
_STARTS, _START_PAUSE_SECONDS = 200, 0.005
#: Exit codes. Others are the interpreter's.
ENDED, OUT_OF_MEMORY, BROKEN = 0, 70, 71


def main() -> None:
    """Set up the process, then serve until stdin ends."""
    table, memory_bytes, nice = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    # The server ends its workers by closing their stdin, after their jobs. Ctrl-C and systemd's SIGTERM reach
    # the whole group at once, which would take the jobs of an orderly shutdown away.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    die_with_parent()
    # Signal and stack of a crash go to stderr; there are file names in it, no values.
    faulthandler.enable()
    os.nice(nice)
    jobs: Mapping[str, Job] = importlib.import_module(table).JOBS
    answers = _take_stdout()
    _limit(memory_bytes)
    Worker(jobs, sys.stdin.buffer, answers).run()


def _take_stdout() -> BinaryIO:
    """Keep stdout for answers; whoever prints in a job prints to stderr."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return answers


def _limit(memory_bytes: int) -> None:
    """Bound what the process may map: what it has now, the stack of a job, and `memory_bytes`."""
    threading.stack_size(STACK_BYTES)
    _lower(resource.RLIMIT_AS, mapped_bytes() + STACK_BYTES + memory_bytes)
    # A core would hold documents.
    _lower(resource.RLIMIT_CORE, 0)


def _lower(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, value))


class Worker:
    """Jobs in, answers out. The main thread only reads, so that the end of stdin is noticed during a job."""

    def __init__(self, jobs: Mapping[str, Job], requests: BinaryIO, answers: BinaryIO) -> None:
        self._jobs = jobs
        self._requests = requests
        self._answers = answers
        self._job: threading.Thread | None = None

    def run(self) -> None:
        """Serve until stdin ends; then leave at once, also from the middle of a job. Does not return."""
        self._answer({"ready": True})
        try:
            while request := self._read():
                self._start(*request)
        except BadFrame as error:
            _leave(BROKEN, f"worker: {error}")
        _leave(ENDED)

    def _start(self, head: dict[str, JSON], data: bytes) -> None:
        """Run a job on a thread of its own: what its stack took goes back to the system afterwards."""
        if self._job is not None:
            self._job.join()
        for _ in range(_STARTS):
            self._job = threading.Thread(target=self._serve, args=(head, data), name="job", daemon=True)
            try:
                self._job.start()
                return
            except RuntimeError:
                # The last thread has ended for Python and not yet for the system, which counts its stack.
                time.sleep(_START_PAUSE_SECONDS)
        _leave(OUT_OF_MEMORY, "worker: no memory for the stack of a job")

    def _read(self) -> tuple[dict[str, JSON], bytes] | None:
        """The next request; None at the end of stdin."""
        raw = self._requests.read(LENGTHS_BYTES)
        if not raw:
            return None
        head_bytes, data_bytes = decode_lengths(raw)
        return decode_head(self._requests.read(head_bytes)), self._requests.read(data_bytes)

    def _serve(self, head: dict[str, JSON], data: bytes) -> None:
        """Run one job and answer. Whatever a job does ends here."""
        try:
            answer = self._done(head, self._run(head, data))
        except (CollabError, StorageError) as error:
            answer = encode_frame(_failure("refused", type(error).__name__, str(error)))
        except MemoryError:
            _leave(OUT_OF_MEMORY, "worker: out of memory")
        except BaseException as error:  # noqa: BLE001 - Rust's panics are no Exceptions; nothing else must catch them
            if not _is_panic(error):
                # A mistake of ours, or of a library: what it left behind is not to be trusted.
                _leave(BROKEN, *_where(error))
            answer = encode_frame(_failure("refused", "Panic", "Yrs panicked on this document"))
        gc.collect()
        give_back_memory()
        self._send(answer)

    def _run(self, head: dict[str, JSON], data: bytes) -> Result:
        name, arguments, path = head.get("job"), head.get("arguments"), head.get("file")
        if not isinstance(name, str) or not isinstance(arguments, dict):
            raise BadFrame("a request names a job and its arguments")
        job = self._jobs.get(name)
        if job is None:
            raise CollabError(f"there is no job {name}")
        given: bytes | None = data if head.get("has_data") else None
        if isinstance(path, str):
            with open(path, "rb") as file:
                given = file.read()
        return job(arguments, given)

    def _done(self, head: dict[str, JSON], result: Result) -> bytes:
        values, data = result
        answer: dict[str, JSON] = {"values": values, "has_data": data is not None}
        answer["memory_bytes"] = resident_bytes()
        if data is None or len(data) <= MAX_INLINE_BYTES:
            return encode_frame(answer, data or b"")
        if len(data) > MAX_FILE_BYTES:
            raise CollabError(f"the result has {len(data)} bytes; {MAX_FILE_BYTES} are allowed")
        with open(
            os.open(str(head["answer_file"]), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
        ) as file:
            file.write(data)
        return encode_frame(answer | {"file": True})

    def _answer(self, head: dict[str, JSON]) -> None:
        self._send(encode_frame(head))

    def _send(self, frame: bytes) -> None:
        view = memoryview(frame)
        while view:
            view = view[self._answers.write(view) :]


def _failure(kind: str, name: str, text: str) -> dict[str, JSON]:
    text = text[:_MAX_REASON]
    return {"error": {"kind": kind, "type": name, "text": text}, "memory_bytes": resident_bytes()}


def _is_panic(error: BaseException) -> bool:
    return type(error).__name__ == "PanicException"


def _where(error: BaseException) -> list[str]:
    """What an error is and where it was raised, without its text: that may quote a document."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f'  File "{frame.filename}", line {frame.lineno} in {frame.name}' for frame in frames]
    return [*lines, f"worker: {type(error).__name__}"]


def _leave(code: int, *lines: str) -> None:
    """End the process now: there may be a job that never returns, and nothing is left to tidy up."""
    with open(2, "w", closefd=False) as errors:
        errors.writelines(line + "\n" for line in lines)
    os._exit(code)


if __name__ == "__main__":
    main()
