"""`collab-server serve` as its users run it: what it prints, and what it ends with."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from collab_server.process import ExitCode
from tests.support.certificates import make_pair

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "collab_server.cli", "serve"]


def _arguments(data: Path, *more: str) -> list[str]:
    return [*COMMAND, "--port", "0", "--data", str(data), "--log-format", "json", *more]


@contextmanager
def _served(data: Path) -> Iterator[dict[str, Any]]:
    """The `server_ready` line of a server that runs meanwhile."""
    with subprocess.Popen(_arguments(data), stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            lines = (json.loads(line) for line in process.stderr)
            yield next(line for line in lines if line["event"] == "server_ready")
        finally:
            process.kill()
            process.communicate(timeout=10)


def _failed(data: Path, *more: str) -> dict[str, Any]:
    """The last log line of a server that cannot start."""
    done = subprocess.run(_arguments(data, *more), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == ExitCode.CANNOT_START, done.stderr
    assert "Traceback" not in done.stderr
    line: dict[str, Any] = json.loads(done.stderr.splitlines()[-1])
    assert line["event"] == "server_start_failed"
    return line


def test_a_taken_port(tmp_path: Path) -> None:
    with _served(tmp_path / "one") as ready:
        failure = _failed(tmp_path / "two", "--port", str(ready["port"]))
    assert f"127.0.0.1:{ready['port']} is in use" in failure["error"]
    assert "--port" in failure["error"]


def test_a_taken_data_directory_names_who_has_it(tmp_path: Path) -> None:
    with _served(tmp_path) as ready:
        failure = _failed(tmp_path)
    assert f"is in use by another server: process {ready['pid']}" in failure["error"]
    assert "--data" in failure["hint"]


def test_a_data_directory_that_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.touch()
    assert f"The data directory {path} cannot be used" in _failed(path)["error"]


def test_a_journal_of_a_newer_version(tmp_path: Path) -> None:
    with _served(tmp_path):
        pass
    (journal,) = tmp_path.glob("journal.sqlite3")
    connection = sqlite3.connect(journal)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    failure = _failed(tmp_path)
    assert "has format 99" in failure["error"]
    assert failure["hint"] == "Nothing was changed."


def test_an_address_that_others_can_reach(tmp_path: Path) -> None:
    assert "--allow-anonymous" in _failed(tmp_path, "--host", "0.0.0.0")["error"]


def test_a_key_of_another_certificate(tmp_path: Path) -> None:
    one, other = make_pair(tmp_path, "one"), make_pair(tmp_path, "other")
    failure = _failed(tmp_path / "data", "--tls-cert", str(one.cert), "--tls-key", str(other.key))
    assert f"The key {other.key} does not belong to the certificate {one.cert}" in failure["error"]
    assert not (tmp_path / "data").exists()


def test_a_wrong_flag_starts_nothing(tmp_path: Path) -> None:
    arguments = _arguments(tmp_path / "data", "--port", "banana")
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == ExitCode.CONFIGURATION
    assert "listen.port = 'banana' (flag --port)" in done.stderr
    assert not (tmp_path / "data").exists()


def test_at_a_terminal_a_person_is_greeted_and_stops_it_with_ctrl_c(tmp_path: Path) -> None:
    master, terminal = pty.openpty()
    command = [*COMMAND, "--port", "0", "--data", str(tmp_path)]
    process = subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True
    )
    os.close(terminal)
    try:
        text = _read_until(master, "Ctrl-C")
        assert re.search(r"Page +http://127\.0\.0\.1:\d+/", text)
        assert re.search(r"Editors +ws://127\.0\.0\.1:\d+/<room>", text)
        assert str(tmp_path) in text
        process.send_signal(signal.SIGINT)
        assert "server_stopped" in _read_until(master, "server_stopped")
        assert process.wait(timeout=20) == ExitCode.OK
    finally:
        process.kill()
        process.wait(timeout=10)
        os.close(master)


def _read_until(terminal: int, wanted: str) -> str:
    text, until = "", time.monotonic() + 20
    while wanted not in text:
        ready, _, _ = select.select([terminal], [], [], max(0.0, until - time.monotonic()))
        assert ready, f"{wanted!r} did not come: {text}"
        text += os.read(terminal, 4096).decode()
    return text
