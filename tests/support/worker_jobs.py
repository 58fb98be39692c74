"""Jobs of a worker process for the tests: what goes wrong, at will.

Runs in the worker. Named as the table of `Workers`; the names are those of `TestJob`.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from enum import StrEnum

from collab_server.engine.job import Arguments, Job, Refused, Result


class TestJob(StrEnum):
    __test__ = False

    ECHO = "echo"
    PID = "pid"
    SLEEP = "sleep"
    SPIN = "spin"
    REFUSE = "refuse"
    BUG = "bug"
    EXIT = "exit"
    SEGV = "segv"
    ABORT = "abort"
    ALLOCATE = "allocate"
    ALLOCATE_IN_YRS = "allocate_in_yrs"
    FLOOD = "flood"
    GARBAGE = "garbage"
    DIE_ONCE = "die_once"
    LARGE = "large"
    NAP = "nap"
    LOAD = "load"
    RECURSE = "recurse"
    NONSENSE = "nonsense"
    CHURN = "churn"


def _echo(arguments: Arguments, data: bytes | None) -> Result:
    return dict(arguments), data


def _pid(arguments: Arguments, data: bytes | None) -> Result:
    return {"pid": os.getpid(), "nice": os.nice(0), "session": os.getsid(0)}, None


def _note(arguments: Arguments) -> None:
    """Leave this process's id where the test waits for it."""
    path = arguments.get("note")
    if isinstance(path, str):
        # A name of its own for each try; renamed, so that nobody reads half of it.
        with open(f"{path}.new", "w") as file:
            file.write(str(os.getpid()))
        os.rename(f"{path}.new", path)


def _sleep(arguments: Arguments, data: bytes | None) -> Result:
    _note(arguments)
    time.sleep(3600)
    return {}, None


def _nap(arguments: Arguments, data: bytes | None) -> Result:
    """Goes on when the test has made a file."""
    _note(arguments)
    go = str(arguments["go"])
    while not os.path.exists(go):
        time.sleep(0.005)
    return {"done": True}, None


def _spin(arguments: Arguments, data: bytes | None) -> Result:
    """An endless loop that never lets go of the interpreter, as Yrs' are: one regex that takes for ever."""
    import re

    _note(arguments)
    re.match(r"(a|a)*b", "a" * 60)
    return {}, None


def _refuse(arguments: Arguments, data: bytes | None) -> Result:
    raise Refused("this cannot be done")


def _bug(arguments: Arguments, data: bytes | None) -> Result:
    raise ValueError("SECRET CONTENT")


def _exit(arguments: Arguments, data: bytes | None) -> Result:
    os._exit(3)


def _segv(arguments: Arguments, data: bytes | None) -> Result:
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(60)
    return {}, None


def _abort(arguments: Arguments, data: bytes | None) -> Result:
    print("memory allocation of 17 bytes failed", file=sys.stderr, flush=True)
    os.abort()


def _allocate(arguments: Arguments, data: bytes | None) -> Result:
    kept = []
    while True:
        kept.append(bytearray(16 << 20))


def _allocate_in_yrs(arguments: Arguments, data: bytes | None) -> Result:
    from pycrdt import Doc, Text

    text = Doc().get("t", type=Text)
    while True:
        text += "x" * (8 << 20)


def _flood(arguments: Arguments, data: bytes | None) -> Result:
    for _ in range(200):
        sys.stderr.write("SECRET CONTENT " * 1000)
    return {"done": True}, None


def _garbage(arguments: Arguments, data: bytes | None) -> Result:
    print("a stray print", flush=True)
    for number in range(3, 10):
        try:
            os.write(number, b"\xff" * 4096)
        except OSError:
            # No such descriptor: it is one of the others.
            pass
    return {}, None


def _nonsense(arguments: Arguments, data: bytes | None) -> Result:
    return {1, 2}, None  # type: ignore[return-value]


def _churn(arguments: Arguments, data: bytes | None) -> Result:
    """Many small things, in circles: freed by the collector alone, and scattered over the heap."""
    megabytes = arguments["megabytes"]
    assert isinstance(megabytes, int)
    for _ in range(megabytes * 1000):
        circle: list[object] = [bytes(900)]
        circle.append(circle)
    return {}, None


def _die_once(arguments: Arguments, data: bytes | None) -> Result:
    mark = str(arguments["mark"])
    if not os.path.exists(mark):
        open(mark, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"done": True}, None


def _large(arguments: Arguments, data: bytes | None) -> Result:
    size = arguments["size"]
    assert isinstance(size, int)
    return {"given": len(data or b"")}, b"x" * size


def _load(arguments: Arguments, data: bytes | None) -> Result:
    """Hand updates to Yrs without the scan that goes before it in every real job, then read and drop them."""
    import json
    from base64 import b64decode

    from pycrdt import Doc, Text

    doc = Doc()
    for update in json.loads(data or b"[]"):
        doc.apply_update(b64decode(update))
    doc.get_update()
    return {"length": len(str(doc.get("t", type=Text)))}, None


def _recurse(arguments: Arguments, data: bytes | None) -> Result:
    """Deep documents, one type in another: integrate, delete the outermost, drop."""
    from pycrdt import Doc

    from tests.support.update_bytes import TYPE, item, one, update

    depth = arguments["depth"]
    assert isinstance(depth, int)
    doc = Doc()
    with doc.transaction():
        doc.apply_update(one(item(TYPE, b"\x01", root="m", key="k")))
        for number in range(1, depth):
            doc.apply_update(one(item(TYPE, b"\x01", parent=(1, number - 1), key="k"), clock=number))
    doc.apply_update(update(deletes={1: [(0, 1)]}))
    return {"state": len(doc.get_state())}, None


JOBS: dict[str, Job] = {
    "echo": _echo,
    "pid": _pid,
    "sleep": _sleep,
    "spin": _spin,
    "refuse": _refuse,
    "bug": _bug,
    "exit": _exit,
    "segv": _segv,
    "abort": _abort,
    "allocate": _allocate,
    "allocate_in_yrs": _allocate_in_yrs,
    "flood": _flood,
    "garbage": _garbage,
    "die_once": _die_once,
    "large": _large,
    "nap": _nap,
    "load": _load,
    "recurse": _recurse,
    "nonsense": _nonsense,
    "churn": _churn,
}
