"""What the server has to do with its operating system: exit codes, the limit of open files, addresses.

Small facts and sentences; owns no life cycle (`server`) and no configuration.
"""

from __future__ import annotations

import os
import resource
import time
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from collab_storage import LockedError, StorageError

from collab_server.config import Settings
from collab_server.errors import ConfigError

#: Descriptors kept for the journal, the log, the workers and plain HTTP.
RESERVED_FILES = 192

# Linux takes no higher limit by default (fs.nr_open).
_MOST_FILES = 1 << 20

_STARTED = time.perf_counter()


class ExitCode(IntEnum):
    """What `collab-server` ends with; `documents` and `rooms` use the first four."""

    OK = 0
    #: Something failed that nobody expected; the log has a traceback.
    UNEXPECTED = 1
    #: A flag, a variable or the configuration file is wrong. Nothing was started.
    CONFIGURATION = 2
    #: The address, the port, the data directory, a document or a running server cannot be had. Nothing was
    #: changed.
    CANNOT_START = 3
    #: Stopped by a second signal or the deadline, or with edits that could not be saved; the log names them.
    NOT_SAVED = 4


@dataclass(frozen=True, slots=True)
class StartFailure:
    """Why the server cannot start, in a sentence, and what would help."""

    sentence: str
    hint: str


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one, and return what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return _MOST_FILES if soft == resource.RLIM_INFINITY else soft


def connections_that_fit(file_limit: int) -> int:
    """How many connections the limit of open files leaves room for; at least one."""
    return max(1, file_limit - RESERVED_FILES)


def base_url(scheme: str, settings: Settings, port: int) -> str:
    """Address at which a client on this machine finds the server, with a slash at its end.

    `scheme` is the one without TLS: http or ws.
    """
    if settings.listen.tls_cert is not None:
        scheme += "s"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.listen.host, settings.listen.host)
    if ":" in host:
        host = f"[{host}]"
    return f"{scheme}://{host}:{port}{settings.listen.base_path}/"


def seconds_since_start() -> float:
    """Age of this process; where the system does not tell, the time since this module was imported."""
    try:
        # The name in parentheses may hold spaces; starttime is field 22, in clock ticks since boot (proc(5)).
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, AttributeError):
        return time.perf_counter() - _STARTED


def resident_bytes() -> int | None:
    """Memory of this process; None where the system does not tell."""
    try:
        # Field 2 of statm is the resident set, in pages (proc(5)).
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None


def explain_start_failure(error: OSError | StorageError | ConfigError, settings: Settings) -> StartFailure:
    """Say what a person can do about an error that prevents the start."""
    match error:
        case ConfigError():
            return StartFailure(str(error), "")
        case LockedError():
            return StartFailure(
                f"{error}.", "Stop that server, or give this one a directory of its own with --data."
            )
        case StorageError():
            return StartFailure(f"{error}.", "Nothing was changed.")
        case OSError(filename=None):
            return StartFailure(f"The server cannot start: {error}.", "")
        case _:
            return StartFailure(
                f"The data directory {settings.storage.directory} cannot be used: "
                f"{error.strerror} ({error.filename}).",
                "Choose another directory with --data, or change who may write there.",
            )
