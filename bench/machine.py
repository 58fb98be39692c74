"""What a run was made on: processor, kernel, versions, commit. No names of machines or people."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.systems import PEERS

_PACKAGES = ("picows", "uvloop", "pycrdt", "pycrdt-websocket", "hypercorn", "aiosqlite")
_ROOT = Path(__file__).resolve().parent.parent


def facts(scratch: Path) -> dict[str, Any]:
    """Facts of this machine and tree; `scratch` is where the server under test writes."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "kernel": platform.release(),
        "filesystem": _filesystem(scratch),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "node": _output(["node", "--version"]),
        "packages": {name: version(name) for name in _PACKAGES},
        "peers": _peer_versions(),
        "commit": _output(["git", "rev-parse", "--short", "HEAD"]),
        "clean": _output(["git", "status", "--porcelain", "--untracked-files=no"]) == "",
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _filesystem(path: Path) -> str:
    """Type of the file system that holds `path`: the longest mount point above it."""
    best = ("", "unknown")
    target = str(path.resolve())
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, kind = line.split()[:3]
        inside = target == mount or target.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) > len(best[0]):
            best = (mount, kind)
    return best[1]


def _peer_versions() -> dict[str, str]:
    lock = json.loads((PEERS / "package-lock.json").read_text())
    names = lock["packages"][""]["dependencies"]
    return {name: lock["packages"][f"node_modules/{name}"]["version"] for name in names}


def _output(command: list[str]) -> str:
    """What a command printed, or an empty string where it does not exist."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=_ROOT, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
