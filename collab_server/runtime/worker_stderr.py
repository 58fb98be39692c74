"""What a worker wrote to stderr, fit for a log line: bounded, and without content.

Owns which lines may be shown. A panic's message or an error's text may quote a document, so only known shapes
pass; where the program was when it ended is in them.
"""

from __future__ import annotations

import re
from collections import deque

#: Kept from the beginning, where a crash says what it is, and from the end.
FIRST_LINES, LAST_LINES = 6, 6
_MAX_LINE = 200

_SHOWN = re.compile(
    rb"(?:"
    rb"thread '[^']*' (?:\(\d+\) )?panicked at [\w./\\ -]+:\d+:\d+:?"
    rb"|memory allocation of \d+ bytes failed"
    rb"|(?:thread '[^']*' has overflowed its stack|fatal runtime error: stack overflow)"
    rb"|Fatal Python error: [\w ]+"
    rb"|(?:Current thread|Thread) 0x[0-9a-f]+.*"
    rb'|  File "[^"]+", line \d+,? in [\w.<>]+'
    rb"|\w*(?:Error|Exception)(?=:|$)"
    rb"|worker: [\w ;,.]+"
    rb")"
)
_OUT_OF_MEMORY = re.compile(rb"memory allocation of \d+ bytes failed")


class ErrorTail:
    """Takes stderr as it comes. Memory is bounded, whatever comes."""

    def __init__(self) -> None:
        self._first: list[str] = []
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._part = b""
        self.hidden = 0
        self.out_of_memory = False

    def feed(self, data: bytes) -> None:
        *lines, self._part = (self._part + data).split(b"\n")
        for line in lines:
            self._take(line)
        # Nothing that is shown is longer; the rest of such a line is not shown either.
        self._part = self._part[: 2 * _MAX_LINE]

    def lines(self) -> list[str]:
        """The first and last lines that may be shown, and how many were kept back."""
        if self._part:
            self._take(self._part)
            self._part = b""
        return [*self._first, *self._last, *([f"({self.hidden} other lines)"] if self.hidden else [])]

    def _take(self, line: bytes) -> None:
        self.out_of_memory |= _OUT_OF_MEMORY.fullmatch(line) is not None
        shown = _SHOWN.match(line)
        if shown is None:
            self.hidden += 1
        else:
            lines = self._first if len(self._first) < FIRST_LINES else self._last
            lines.append(shown[0][:_MAX_LINE].decode(errors="replace"))
