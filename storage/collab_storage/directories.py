"""Directories that are still there after a power cut: a new name lasts once what it stands in was synced.

Every call waits for the disk: not on an event loop.
"""

from __future__ import annotations

import os
from pathlib import Path


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path) -> None:
    """Make a directory and those above it, unless they are there, so that they last. Raises OSError."""
    path = path.absolute()
    missing = [directory for directory in (path, *path.parents) if not directory.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for directory in reversed(missing):
        sync_directory(directory.parent)
    if not missing:
        _sync_if_allowed(path.parent)


def _sync_if_allowed(path: Path) -> None:
    """Whoever made the directory may have been killed, or may not have cared, before its name was durable."""
    try:
        sync_directory(path)
    except PermissionError:
        # Somebody else's directory, in which ours was made for us: theirs to sync.
        pass
