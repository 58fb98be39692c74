"""The search for what keeps a room from being compacted: the right structs, or none."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pytest
from collab_storage import Record, RecordKind, StreamKey
from collab_storage.memory import MemoryJournal

from collab_server.runtime.offenders import MAX_OFFENDERS, MAX_TRIALS, NotFound, Offender, Search
from tests.support.update_bytes import section, string, update

DOC = StreamKey("default", "r", "doc")
ROWS, STRUCTS = 40, 5


class Trials:
    """Fails while any of `bad` is within reach and not left out."""

    def __init__(self, bad: Collection[Offender], *, only_together: bool = False) -> None:
        self.bad = bad
        self.only_together = only_together
        self.count = 0

    async def __call__(self, upto: int, offenders: Sequence[Offender], *, alone: bool = False) -> bool:
        self.count += 1
        if alone and self.only_together:
            return True
        return not any(
            bad not in offenders and (bad.offset == upto if alone else bad.offset <= upto) for bad in self.bad
        )


def struct(offset: int, number: int) -> Offender:
    clock = number * 2
    return Offender(offset, (offset, clock, clock + 2))


async def search(trials: Trials, *, after: int = 0) -> list[Offender]:
    journal = MemoryJournal()
    for offset in range(1, ROWS + 1):
        data = update(section(offset, 0, *[string("ab")] * STRUCTS))
        await journal.append([Record("default", "r", "doc", offset, RecordKind.DELTA, data, b"[]", 1.0)])
    return await Search(trials, journal, DOC, after=after, upto=ROWS).run()


@pytest.mark.parametrize("bad", [
    [struct(1, 0)], [struct(ROWS, STRUCTS - 1)], [struct(7, 2), struct(7, 4), struct(31, 0)],
])  # fmt: skip
async def test_each_offender_is_found_and_nobody_else(bad: list[Offender]) -> None:
    trials = Trials(bad)
    assert await search(trials) == bad
    assert trials.count <= MAX_TRIALS


async def test_a_failure_that_has_passed_names_nobody() -> None:
    trials = Trials([])
    assert await search(trials) == []
    assert trials.count == 1


async def test_rows_that_are_too_much_only_together_are_not_blamed() -> None:
    with pytest.raises(NotFound, match="only together"):
        await search(Trials([struct(20, 0)], only_together=True))


async def test_a_base_that_fails_by_itself_is_not_blamed_on_a_row() -> None:
    with pytest.raises(NotFound, match="the base itself"):
        await search(Trials([struct(3, 0)]), after=5)


async def test_too_many_offenders_are_no_accident() -> None:
    with pytest.raises(NotFound):
        await search(Trials([struct(offset, 0) for offset in range(1, MAX_OFFENDERS + 3)]))


async def test_a_row_that_fails_without_its_content_is_left_alone() -> None:
    with pytest.raises(NotFound, match="without any content"):
        await search(Trials([Offender(9, (9, 1000, 1001))]))
