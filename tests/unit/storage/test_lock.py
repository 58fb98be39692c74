"""The lock of a data directory, with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from collab_storage import LockedError
from collab_storage.lock import LOCK_FILE, DirectoryLock

HOLDER = """
import os, sys
from collab_storage.lock import DirectoryLock
DirectoryLock(sys.argv[1]).acquire()
if "fork" in sys.argv and os.fork() == 0:
    os.setsid()
os.write(1, b"%d\\n" % os.getpid())
sys.stdin.read()
"""


def start_holder(directory: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(directory), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        pipe.close()


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds `tmp_path`."""
    process = start_holder(tmp_path)
    assert process.stdout is not None
    assert int(process.stdout.readline()) == process.pid
    yield process
    end(process)


def test_a_second_server_is_refused_and_told_who_holds_the_directory(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(LockedError) as caught:
        DirectoryLock(tmp_path).acquire()
    assert f"process {holder.pid} on {os.uname().nodename} since 2" in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_killed_holder_holds_nothing(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    lock = DirectoryLock(tmp_path)
    lock.acquire()
    assert str(os.getpid()) in (tmp_path / LOCK_FILE).read_text()
    lock.release()


def test_a_forked_child_that_outlives_the_holder_holds_nothing(tmp_path: Path) -> None:
    process = start_holder(tmp_path, "fork")
    assert process.stdout is not None
    pids = {int(process.stdout.readline()), int(process.stdout.readline())}
    (child,) = pids - {process.pid}
    try:
        process.kill()
        process.wait()
        os.kill(child, 0)
        lock = DirectoryLock(tmp_path)
        lock.acquire()
        lock.release()
    finally:
        os.kill(child, signal.SIGKILL)
        end(process)


def test_the_same_process_is_refused_too_and_keeps_its_lock(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    lock.acquire()
    with pytest.raises(LockedError, match="this process"):
        DirectoryLock(tmp_path / ".").acquire()
    other = start_holder(tmp_path)
    assert other.wait() != 0
    end(other)
    lock.release()
    DirectoryLock(tmp_path).acquire()


def test_release_lets_go_and_may_be_called_twice(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    lock.release()
    for _ in range(2):
        lock.acquire()
        lock.release()
        lock.release()
    assert (tmp_path / LOCK_FILE).read_bytes() == b""


def test_a_missing_directory_is_made(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path / "a" / "b")
    lock.acquire()
    lock.release()
    assert (tmp_path / "a" / "b" / LOCK_FILE).exists()


def test_a_holder_that_has_not_written_yet_is_still_refused(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    (tmp_path / LOCK_FILE).write_bytes(b"")
    with pytest.raises(LockedError, match="has not said its name"):
        DirectoryLock(tmp_path).acquire()


def test_a_directory_that_cannot_be_made_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        DirectoryLock(tmp_path / "file").acquire()
