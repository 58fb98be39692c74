"""Puts the npm packages of the test clients in place. Knows npm and its lock file; no test needs to."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
from pathlib import Path

NODE_DIRECTORY = Path(__file__).resolve().parents[1] / "node"


def ensure_node_modules(directory: Path = NODE_DIRECTORY) -> Path:
    """Install what the lock file of `directory` says, unless that is what is there. Safe to call from several
    processes at once. Raises CalledProcessError with npm's output when the installation fails."""
    lock_digest = hashlib.sha256((directory / "package-lock.json").read_bytes()).hexdigest()
    stamp = directory / "node_modules" / ".installed-lock"
    with (directory / "package.json").open("rb") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != lock_digest:
            subprocess.run(["npm", "ci"], cwd=directory, check=True, timeout=300, capture_output=True)
            stamp.write_text(lock_digest)
    return directory
