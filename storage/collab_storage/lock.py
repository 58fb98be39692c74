"""One server per data directory: a lock that the operating system releases when its holder dies.

Owns the file `lock` alone; knows nothing of what else is there. It is a POSIX lock (`fcntl`), which a
forked child does not inherit: a worker that outlives its server must not keep the directory from the next.
Such a lock does not keep out its own process, so a list of what this process holds does.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
from datetime import UTC, datetime
from pathlib import Path

from collab_storage.directories import make_directory
from collab_storage.errors import LockedError

LOCK_FILE = "lock"

#: Device and inode of the lock files held here. Closing any descriptor of such a file would release it.
_held: set[tuple[int, int]] = set()
_guard = threading.Lock()


class DirectoryLock:
    """Held from `acquire` to `release` or the end of the process. Both wait for the disk: not on the loop."""

    def __init__(self, directory: str | Path) -> None:
        self._directory = Path(directory)
        self._descriptor: int | None = None
        self._identity: tuple[int, int] | None = None

    def acquire(self) -> None:
        """Take the directory, made if it is missing. Raises LockedError, naming the holder, and OSError."""
        make_directory(self._directory)
        path = self._directory / LOCK_FILE
        with _guard:
            if path.exists() and _identity(path) in _held:
                raise LockedError(path=str(self._directory), holder=f"this process ({os.getpid()})")
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                self._take(descriptor)
                self._descriptor, self._identity = descriptor, _identity(path)
            except BaseException:
                os.close(descriptor)
                raise
            _held.add(self._identity)

    def _take(self, descriptor: int) -> None:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (PermissionError, BlockingIOError) as error:
            holder = _describe(os.pread(descriptor, 1024, 0))
            raise LockedError(path=str(self._directory), holder=holder) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, _signature(), 0)

    def release(self) -> None:
        """Let the directory go. The file stays, empty. May be called again, and without `acquire`."""
        with _guard:
            if self._descriptor is None or self._identity is None:
                return
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            _held.discard(self._identity)
            self._descriptor = self._identity = None


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _signature() -> bytes:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since}).encode()


def _describe(content: bytes) -> str:
    """Who wrote a lock file. It may be caught before its holder has written."""
    try:
        holder = json.loads(content)
        return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return "a process that has not said its name yet"
