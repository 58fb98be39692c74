"""What a worker asks of its operating system that Python has no word for: small, and mostly Linux.

Owns no policy. Elsewhere than on Linux these do nothing; the end of stdin still ends the worker.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends.

    The end of stdin says the same, but only to Python code: Yrs, in an endless loop, never lets go of the
    interpreter, and would go on for ever at full load.
    """
    if sys.platform == "linux":
        _libc().prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def give_back_memory() -> None:
    """Return what the last job freed to the system, where the C library can."""
    trim = getattr(_libc(), "malloc_trim", None)
    if trim is not None:
        trim(0)


def mapped_bytes() -> int:
    """Address space in use: what `RLIMIT_AS` is compared with."""
    return _pages(0)


def resident_bytes() -> int:
    """Memory in use."""
    return _pages(1)


def _pages(field: int) -> int:
    try:
        count = int(Path("/proc/self/statm").read_text().split()[field])
    except OSError:
        # No /proc: the limit is then a little tight, and the metric says nothing.
        return 0
    return count * os.sysconf("SC_PAGE_SIZE")
