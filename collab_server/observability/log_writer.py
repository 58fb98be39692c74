"""Writes log lines from a thread of its own, so that a stalled reader of stderr never stalls the server.

Owns one bounded queue and one thread. Over the bound lines are dropped and counted, and the count is written
when the reader is back. Knows nothing of what a line says.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TextIO

MAX_PENDING_BYTES = 4_000_000


class LogWriter:
    """A text stream whose `write` never blocks. `close` waits a bounded time for what is pending.

    `tell_dropped` makes the line, without its end, that says how many were dropped.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        tell_dropped: Callable[[int], str],
        max_pending_bytes: int = MAX_PENDING_BYTES,
    ) -> None:
        self._stream = stream
        self._tell_dropped = tell_dropped
        self._limit = max_pending_bytes
        self._pending: deque[str] = deque()
        self._pending_bytes = 0
        self._closed = False
        self._changed = threading.Condition()
        #: Lines that were dropped since the start because the reader did not keep up.
        self.dropped = 0
        self._untold = 0
        # A daemon: a reader that never comes back must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def write(self, text: str) -> int:
        """Queue `text`, or count it as dropped. Called by `logging`, which adds the line's end."""
        with self._changed:
            if self._closed:
                return len(text)
            if self._pending_bytes + len(text) > self._limit:
                self.dropped += 1
                self._untold += 1
                return len(text)
            self._pending.append(text)
            self._pending_bytes += len(text)
            self._changed.notify_all()
        return len(text)

    def flush(self) -> None:
        """Nothing: `logging` flushes after each line, and waiting is what this class avoids."""

    def close(self, *, timeout_seconds: float = 1.0) -> None:
        """Write what is pending, for at most `timeout_seconds`. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._closed)
                if not self._pending:
                    return
                text = "".join(self._pending)
                untold, self._untold = self._untold, 0
                self._pending.clear()
                self._pending_bytes = 0
            if untold:
                text += self._tell_dropped(untold) + "\n"
            try:
                self._stream.write(text)
                self._stream.flush()
            except (OSError, ValueError):
                # The reader is gone for good. The server serves on; there is nobody to tell.
                with self._changed:
                    self._closed = True
                return
