"""A private directory for what is too large for a pipe: gone when its owner ends, swept when that crashed.

Owns directories below one root, each locked by the process it belongs to. Everything here waits for the disk:
not on the loop.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from itertools import count
from pathlib import Path

from collab_server.errors import ConfigError

_PREFIX = "worker-"


def user_scratch() -> Path:
    """The root for commands, which have no data directory of their own."""
    return Path(tempfile.gettempdir()) / f"collab-server-{os.geteuid()}"


class Scratch:
    """Use: `open`, then `new_path` as often as needed, then `close`. Nothing outlives it but the root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._numbers = count(1)
        self._own: Path | None = None
        self._lock: int | None = None

    def open(self) -> None:
        """Sweep what crashed owners left and make a directory. Raises OSError and ConfigError."""
        _make_private(self._root)
        for path in self._root.glob(f"{_PREFIX}*"):
            _sweep(path)
        # Somebody else's sweep may meet the new directory before it is locked.
        while self._lock is None:
            self._own = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._root))
            self._lock = _lock(self._own)

    def new_path(self) -> Path:
        """A name for a file that does not exist yet."""
        assert self._own is not None
        return self._own / str(next(self._numbers))

    def close(self) -> None:
        """Remove the directory. May be called again, and without `open`."""
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)
            self._own = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _make_private(root: Path) -> None:
    """Have `root` as a directory of ours that nobody else can look into."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = root.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise ConfigError(f"{root} must be a directory of the user that runs this: remove it")
    root.chmod(0o700)


def _lock(path: Path) -> int | None:
    """A descriptor that holds the lock of a directory; None if it is held, or the directory is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink > 0:
            return descriptor
    except OSError:
        # Held: its owner lives.
        pass
    os.close(descriptor)
    return None


def _sweep(path: Path) -> None:
    """Remove a directory whose owner is gone."""
    descriptor = _lock(path)
    if descriptor is not None:
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)
