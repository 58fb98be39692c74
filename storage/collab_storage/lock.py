"""One server per data directory: a lock file that the operating system releases when its holder dies.

Owns the file `lock` alone; knows nothing of what else is in the directory.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from pathlib import Path

from collab_storage.errors import LockedError

LOCK_FILE = "lock"


class DirectoryLock:
    """Held from `acquire` to `release` or the end of the process. Both block for a moment; not for the loop."""

    def __init__(self, directory: str | Path) -> None:
        self._path = Path(directory) / LOCK_FILE
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Make the directory if it is missing and take it. Raises LockedError, which names the holder."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(descriptor, 1024, 0)
            os.close(descriptor)
            raise LockedError(path=str(self._path.parent), holder=_describe(holder)) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, _signature(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let the directory go. May be called again."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def _signature() -> bytes:
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": int(time.time())}
    return json.dumps(holder).encode()


def _describe(holder: bytes) -> str:
    try:
        value = json.loads(holder)
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(value["since"]))
        return f"process {value['pid']} on {value['host']} since {since}"
    except (ValueError, KeyError, TypeError):
        return "another process"
