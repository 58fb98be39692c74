"""CPU time and memory of a process and everything it started, read from the kernel.

CPU comes from each process's CPU clock (nanoseconds; all its threads, also those that ended) plus what its
dead children used, so a journal thread and worker processes count. Linux only.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_PPID, _CUTIME, _CSTIME = 1, 13, 14


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one process tree at one moment: CPU seconds used so far, resident bytes, living processes."""

    cpu_seconds: float
    resident_bytes: int
    processes: int


def usage(root: int) -> Usage:
    """Usage of the tree under process `root`. A process that ends meanwhile is left out."""
    cpu = 0.0
    resident = 0
    pids = tree(root)
    for pid in pids:
        try:
            cpu += time.clock_gettime(_cpu_clock(pid)) + _dead_children_seconds(pid)
            resident += _resident_bytes(pid)
        except (OSError, IndexError):
            continue
    return Usage(cpu, resident, len(pids))


def cpu_seconds(root: int) -> float:
    """CPU seconds of the tree under `root` so far."""
    return usage(root).cpu_seconds


def tree(root: int) -> list[int]:
    """Process ids of `root` and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int(_stat_fields(int(entry.name))[_PPID])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def _cpu_clock(pid: int) -> int:
    """Clock id of a process's CPU time: `CPUCLOCK_SCHED` of linux/posix-timers.h."""
    return (~pid << 3) | 2


def _stat_fields(pid: int) -> list[str]:
    """Fields of /proc/<pid>/stat from the third (state) on; the second may hold spaces."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _dead_children_seconds(pid: int) -> float:
    fields = _stat_fields(pid)
    return (int(fields[_CUTIME]) + int(fields[_CSTIME])) / _TICK


def _resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
