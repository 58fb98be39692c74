"""Which structs of a room's rows keep it from being compacted: a search by trials, each in a worker.

Owns the search and its bound. Rows are in causal order, so that every prefix of them is a document. Nothing
is changed here, and nothing is named that was not seen to fail by itself, and whose absence was not seen to
help.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from collab_storage import Journal, StreamKey

from collab_server.types import ClockRange
from collab_server.updates.compaction.hollow import content_of

#: A search that takes more trials is given up; each may take as long as a compaction.
MAX_TRIALS = 100
#: More offenders than this are no accident of single structs.
MAX_OFFENDERS = 8


class NotFound(Exception):
    """No structs could be named whose absence would help. Says what was seen."""


@dataclass(frozen=True, slots=True)
class Offender:
    """A struct, and the offset of the row that holds it."""

    offset: int
    clocks: ClockRange


class Trial(Protocol):
    """Whether a compaction up to an offset succeeds, without the content of `offenders`; with `alone`, also
    without the content of all rows but the last. Nothing is written.
    """

    def __call__(
        self, upto: int, offenders: Sequence[Offender], *, alone: bool = False
    ) -> Awaitable[bool]: ...


class Search:
    """For the rows of one document after offset `after`, up to `upto`. Use once: `run`."""

    def __init__(self, trial: Trial, journal: Journal, stream: StreamKey, *, after: int, upto: int) -> None:
        self._trial = trial
        self._journal = journal
        self._stream = stream
        self._after = after
        self._upto = upto
        self._trials = 0

    async def run(self) -> list[Offender]:
        """The structs without which a compaction succeeds; empty if it succeeds with all.

        Raises NotFound, StorageError, InvalidUpdate, and what a trial raises.
        """
        found: list[Offender] = []
        while not await self._passes(self._upto, found):
            if len(found) == MAX_OFFENDERS:
                raise NotFound(f"it fails without {MAX_OFFENDERS} structs, too")
            found.append(await self._next(found))
        return found

    async def _next(self, found: list[Offender]) -> Offender:
        offset = await self._first_bad_row(found)
        if await self._passes(offset, found, alone=True):
            raise NotFound(f"row {offset} is too much only together with the others")
        structs = await self._structs(offset)

        async def fails(kept: int) -> bool:
            left_out = [Offender(offset, clocks) for clocks in structs[kept:]]
            return not await self._passes(offset, [*found, *left_out])

        if await fails(0):
            raise NotFound(f"row {offset} fails without any content, too")
        first = await _first_true(fails, good=0, bad=len(structs))
        return Offender(offset, structs[first - 1])

    async def _first_bad_row(self, found: list[Offender]) -> int:
        async def fails(upto: int) -> bool:
            return not await self._passes(upto, found)

        if self._after > 0 and await fails(self._after):
            raise NotFound("the base itself fails")
        return await _first_true(fails, good=self._after, bad=self._upto)

    async def _structs(self, offset: int) -> list[ClockRange]:
        page = await self._journal.read(self._stream, after=offset - 1, max_bytes=1)
        if not page or page[0].offset != offset:
            raise NotFound(f"row {offset} is gone")
        return await asyncio.to_thread(content_of, page[0].data)

    async def _passes(self, upto: int, offenders: Sequence[Offender], *, alone: bool = False) -> bool:
        self._trials += 1
        if self._trials > MAX_TRIALS:
            raise NotFound(f"nothing was found in {MAX_TRIALS} trials")
        return await self._trial(upto, offenders, alone=alone)


async def _first_true(is_bad: Callable[[int], Awaitable[bool]], *, good: int, bad: int) -> int:
    """The least number above `good` that is bad, if all above it are; `bad` is known to be."""
    while bad - good > 1:
        middle = (good + bad) // 2
        if await is_bad(middle):
            bad = middle
        else:
            good = middle
    return bad
