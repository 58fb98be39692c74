"""The entry point as a process, spoken to by hand; how a server uses it is in `runtime/test_workers`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from collab_server.pipe import LENGTHS_BYTES, decode_head, decode_lengths, encode_frame

MEMORY = 300_000_000


class _Worker:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self.stdin: IO[bytes] = process.stdin
        self.stdout: IO[bytes] = process.stdout

    def read(self) -> dict[str, Any]:
        head, data = decode_lengths(self.stdout.read(LENGTHS_BYTES))
        answer = decode_head(self.stdout.read(head))
        self.stdout.read(data)
        return answer

    def send(self, job: str, **arguments: Any) -> None:
        self.stdin.write(encode_frame({"job": job, "arguments": arguments, "answer_file": "/none"}))
        self.stdin.flush()

    def ask(self, job: str, **arguments: Any) -> dict[str, Any]:
        self.send(job, **arguments)
        return self.read()


@pytest.fixture
def worker(worker_imports: None) -> Iterator[_Worker]:
    command = [sys.executable, "-P", "-m", "collab_server.engine.worker", "tests.support.worker_jobs"]
    with subprocess.Popen(
        [*command, str(MEMORY), "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        worker = _Worker(process)
        assert worker.read() == {"ready": True}
        yield worker
        process.kill()


def test_jobs_one_after_the_other(worker: _Worker) -> None:
    assert worker.ask("echo", a=1)["values"] == {"a": 1}
    assert worker.ask("echo", b=2)["values"] == {"b": 2}


def test_the_end_of_stdin_ends_it_in_order(worker: _Worker) -> None:
    worker.stdin.close()
    assert worker.process.wait(10) == 0


def test_the_end_of_stdin_ends_it_in_the_middle_of_a_job(worker: _Worker) -> None:
    worker.send("sleep")
    worker.stdin.close()
    assert worker.process.wait(10) == 0


def test_nonsense_ends_it(worker: _Worker) -> None:
    worker.stdin.write(b"\xff" * 8)
    worker.stdin.flush()
    assert worker.process.wait(10) == 71


def test_a_job_that_it_does_not_know_is_refused(worker: _Worker) -> None:
    error = worker.ask("no such job")["error"]
    assert (error["kind"], error["text"]) == ("refused", "there is no job no such job")


def test_deep_documents_pass_and_their_stack_is_given_back(worker: _Worker) -> None:
    for _ in range(3):
        assert worker.ask("recurse", depth=50_000)["values"] == {"state": 5}
    assert worker.ask("pid")["memory_bytes"] < 100_000_000


def test_what_a_job_took_is_given_back(worker: _Worker) -> None:
    worker.ask("recurse", depth=1)
    before = worker.ask("pid")["memory_bytes"]
    worker.ask("churn", megabytes=100)
    assert worker.ask("pid")["memory_bytes"] < before + 20_000_000


def test_the_limits_of_the_process(worker: _Worker) -> None:
    limits = Path(f"/proc/{worker.process.pid}/limits").read_text()
    soft = {line[:25].strip(): line[25:].split()[0] for line in limits.splitlines()[1:]}
    assert int(soft["Max address space"]) < MEMORY + (1 << 30) + 200_000_000
    assert soft["Max core file size"] == "0"
