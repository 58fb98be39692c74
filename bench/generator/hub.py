"""What all clients of a run share: frames already understood, who typed or announced what and when.

A broadcast arrives at every client of a room as the same bytes, so each distinct frame is parsed once and
looked up by its bytes afterwards. That keeps the generator faster than the servers it measures.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass
from enum import IntEnum

from bench.generator.awareness import Entry, read_entries
from bench.generator.codec import BadMessage, read_var_bytes, read_var_uint
from bench.generator.updates import Delta, Expected, read_state_vector, read_update

#: Above this size a frame is compared with its predecessors instead of being hashed.
_LARGE_BYTES = 1 << 16


class FrameKind(IntEnum):
    STEP_1 = 0
    STEP_2 = 1
    UPDATE = 2
    AWARENESS = 3
    OTHER = 4


@dataclass(frozen=True, slots=True)
class Known:
    """A frame that was parsed. `batch` numbers the updates (steps 2 included) in order of first sight."""

    kind: FrameKind
    payload: bytes
    batch: int = -1
    entries: tuple[Entry, ...] = ()
    state_vector: tuple[tuple[int, int], ...] = ()


class Hub:
    """Shared ledger of one run. With `parses` off, updates are kept as opaque bytes (whole documents)."""

    def __init__(self, *, expected: Expected | None = None, parses: bool = True) -> None:
        self.batches: list[Delta] = []
        self.batch_updates: list[bytes] = []
        self.edit_times: dict[int, array[float]] = {}
        self.announce_times: dict[int, array[float]] = {}
        self.awareness_ms: Counter[int] = Counter()
        self.window_start = float("inf")
        self.window_end = float("inf")
        self.failure: BaseException | None = None
        self.disconnects = 0
        self._expected = expected
        self._parses = parses
        self._known: dict[bytes, Known] = {}
        self._large: list[Known] = []

    def understand(self, payload: bytes, prefix_size: int) -> Known:
        """Parse a frame, or recognise it. Raises `BadMessage` on what a stock client would not understand."""
        if len(payload) < _LARGE_BYTES:
            known = self._known.get(payload)
            if known is None:
                known = self._known[payload] = self._parse(payload, prefix_size)
            return known
        for known in self._large:
            if known.payload == payload:
                return known
        known = self._parse(payload, prefix_size)
        self._large.append(known)
        return known

    def _parse(self, payload: bytes, at: int) -> Known:
        kind, at = read_var_uint(payload, at)
        if kind == 1:
            body, _ = read_var_bytes(payload, at)
            return Known(FrameKind.AWARENESS, payload, entries=read_entries(body))
        if kind == 2 and payload[at] == 0:
            raise BadMessage("permission denied")
        if kind != 0:
            return Known(FrameKind.OTHER, payload)
        step, at = read_var_uint(payload, at)
        body, at = read_var_bytes(payload, at)
        if step == 0:
            state = tuple(read_state_vector(body).items())
            return Known(FrameKind.STEP_1, payload, state_vector=state)
        return self._parse_update(FrameKind(step), payload, body)

    def _parse_update(self, kind: FrameKind, payload: bytes, update: bytes) -> Known:
        self.batches.append(read_update(update, self._expected) if self._parses else Delta(()))
        self.batch_updates.append(update)
        return Known(kind, payload, batch=len(self.batches) - 1)

    def count_awareness(self, learnt: list[tuple[float, list[Entry]]]) -> None:
        """Count how old each entry was when it became known somewhere, if it was announced in the window."""
        for moment, fresh in learnt:
            for item in fresh:
                times = self.announce_times.get(item.client)
                if times is None or item.clock > len(times):
                    continue
                announced = times[item.clock - 1]
                if self.window_start <= announced < self.window_end:
                    self.awareness_ms[int((moment - announced) * 1000)] += 1
