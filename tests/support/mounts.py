"""What this machine lets us mount, and running a program where something is mounted.

Every test disk is mounted in a namespace of its own. In the one of all processes each `unshare` would take a
copy along, and a file system of which somebody has a copy does not end when it is unmounted.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

import pytest


def require_mounts() -> None:
    """Skip where the kernel lets nobody mount, with the reason. A missing package is a failure."""
    for command, package in (("unshare", "util-linux"), ("fusermount3", "fuse3")):
        if shutil.which(command) is None:
            pytest.fail(f"{command} is missing: `make packages` installs {package}")
    trial = subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, text=True, check=False
    )
    if trial.returncode != 0:
        pytest.skip(f"this machine does not let us mount: {trial.stderr.strip()}")


def require_fuse() -> None:
    """As `require_mounts`, and FUSE besides."""
    require_mounts()
    try:
        with open("/dev/fuse", "rb"):
            pass
    except OSError as error:
        pytest.skip(f"this machine has no FUSE: {error}")


def inside(holder: int, command: Sequence[str]) -> list[str]:
    """The command, run in the mount namespace of the process `holder`; it keeps the id of its process."""
    return ["nsenter", f"--mount=/proc/{holder}/ns/mnt", "--", *command]
