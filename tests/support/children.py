"""The worker processes of this process, apart from what other tests keep running."""

from __future__ import annotations

import psutil  # type: ignore[import-untyped]

_MODULE = "collab_server.engine.worker"


def worker_processes() -> list[psutil.Process]:
    """Children that are workers; one that has ended meanwhile is none."""
    found = []
    for child in psutil.Process().children():
        try:
            if _MODULE in child.cmdline():
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found
