"""The real server with a wall clock that a test can step, and the test's hand on that clock.

Run as `python tests/support/fake_clock.py FILE serve …`; the file holds by how many seconds the clock is off,
as a double. Only Python's wall clock is replaced: durations are to come from elsewhere. (libfaketime replaces
the one of the whole process, but under it uvloop takes 200 ms to answer.)
"""

from __future__ import annotations

import mmap
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

_OFFSET = struct.Struct("d")


class FakeClock:
    """Both sides of the file share its memory, so a step shows at the next look at the clock."""

    def __init__(self, file: Path) -> None:
        self.file = file
        if not file.exists():
            file.write_bytes(_OFFSET.pack(0.0))
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), _OFFSET.size)

    @property
    def offset_seconds(self) -> float:
        return float(_OFFSET.unpack_from(self._memory)[0])

    def step(self, seconds: float) -> None:
        """Be so far from the true time from now on."""
        _OFFSET.pack_into(self._memory, 0, seconds)


def replace_wall_clock(clock: FakeClock) -> None:
    seconds: Callable[[], float] = time.time
    nanoseconds: Callable[[], int] = time.time_ns
    time.time = lambda: seconds() + clock.offset_seconds
    time.time_ns = lambda: nanoseconds() + int(clock.offset_seconds * 1e9)


if __name__ == "__main__":
    replace_wall_clock(FakeClock(Path(sys.argv.pop(1))))
    # After the replacement, for whoever takes `time.time` along when it is imported.
    from collab_server.cli import main

    main()
