"""The jobs of the real worker, with compaction stopped at its steps, or choking on a mark in the text.

Runs in the worker, as its table. What is to happen is in FAULT_STEP (`before write`, `after read back`, …),
to whom in FAULT_VICTIM, and it happens when there is a file FAULT_TRIGGER, which then is taken away, so that
a second try succeeds. With FAULT_MARK in the environment, compaction does what FAULT_EFFECT says whenever it
meets that text.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from collab_storage import Base

from collab_server.engine import compaction
from collab_server.engine.jobs import JOBS
from collab_server.updates.compaction import Compacted
from collab_server.updates.refusal import malformed

__all__ = ["JOBS"]

STEP = os.environ.get("FAULT_STEP", "")
VICTIM = os.environ.get("FAULT_VICTIM", "server")
MARK = os.environ.get("FAULT_MARK", "").encode()
EFFECT = os.environ.get("FAULT_EFFECT", "crash")


def take_trigger() -> bool:
    """Whether the fault is due; it is then due no more."""
    try:
        os.unlink(os.environ["FAULT_TRIGGER"])
    except (KeyError, FileNotFoundError):
        return False
    return True


def in_worker(step: str) -> None:
    """Be killed here, or see the server killed, if this is the step."""
    if step == STEP and take_trigger():
        os.kill(os.getpid() if VICTIM == "worker" else os.getppid(), signal.SIGKILL)
        # The kernel ends a worker together with its server.
        time.sleep(60)


def end_server(step: str) -> None:
    """The same in the server itself."""
    if step == STEP and take_trigger():
        os.kill(os.getpid(), signal.SIGKILL)


def stopped_at(
    name: str, function: Callable[..., Any], *, reach: Callable[[str], None] = end_server
) -> Callable[..., Any]:
    """`function`, with a place to stop before it and one after it."""

    def stopping(*arguments: Any, **more: Any) -> Any:
        reach(f"before {name}")
        found = function(*arguments, **more)
        reach(f"after {name}")
        return found

    return stopping


def damaged_after(function: Callable[..., Base]) -> Callable[..., Base]:
    """A disk that keeps something else than what was written."""

    def damaging(path: Path, **more: Any) -> Base:
        base = function(path, **more)
        if take_trigger():
            connection = sqlite3.connect(path)
            connection.execute(
                "UPDATE chunks SET data=zeroblob(length(data)) WHERE id=?", (base.id << 20 | 1,)
            )
            connection.commit()
            connection.close()
        return base

    return damaging


def without_room(function: Callable[..., Base]) -> Callable[..., Base]:
    """A disk that is full: the kernel refuses to let any file grow."""

    def full(path: Path, **more: Any) -> Base:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        if take_trigger():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
        try:
            return function(path, **more)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return full


def choke() -> None:
    if EFFECT == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if EFFECT == "memory":
        bytearray(1 << 40)
    if EFFECT == "hang":
        # One step of the interpreter that takes for ever, as a loop in Rust would.
        re.match(r"(a|a)*b", "a" * 60)
    raise malformed("a mark of the test")


def choking(function: Callable[[Iterable[bytes]], Compacted]) -> Callable[[Iterable[bytes]], Compacted]:
    def compact(updates: Iterable[bytes]) -> Compacted:
        def read() -> Iterable[bytes]:
            for update in updates:
                if MARK in update:
                    choke()
                yield update

        return function(read())

    return compact


compaction.write_base = stopped_at("write", compaction.write_base, reach=in_worker)
if STEP == "damage":
    compaction.write_base = damaged_after(compaction.write_base)
if STEP == "disk full":
    compaction.write_base = without_room(compaction.write_base)
compaction.read_back = stopped_at("read back", compaction.read_back, reach=in_worker)
if MARK:
    compaction.compact = choking(compaction.compact)
