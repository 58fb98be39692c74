"""The structs of one client: what they hang on, where runs and marks are, what is refused."""

from __future__ import annotations

import pytest

from collab_server.errors import InvalidUpdate, RefusalReason
from collab_server.updates import Run, scan
from collab_server.updates.run import MARK_EVERY
from tests.support.update_bytes import (
    ANY,
    STRING,
    TYPE,
    Id,
    deletions,
    gc,
    item,
    one,
    section,
    sized,
    skip,
    string,
    uint,
    update,
    values,
)

NEXT = b"\x7e"


def _runs(*structs: bytes, client: int = 5, clock: int = 10) -> list[Run]:
    return list(scan(update(section(client, clock, *structs))).structs)


def _refused(data: bytes) -> RefusalReason:
    with pytest.raises(InvalidUpdate) as error:
        scan(data)
    return error.value.reason


def test_a_run_holds_the_bytes_as_they_came() -> None:
    structs = string("ab"), string("😀é", origin=(5, 11)), gc(3), item(TYPE, b"\x01", key="k")
    (run,) = _runs(*structs)
    assert (run.client, run.clock, run.end, run.count) == (5, 10, 10 + 2 + 3 + 3 + 1, 4)
    assert run.data == b"".join(structs)
    assert not run.waits
    assert not run.marks


def test_gaps_divide_runs() -> None:
    first, second = _runs(skip(0), string("a"), skip(4), skip(1), gc(2), skip(9))
    assert (first.clock, first.end, first.data) == (10, 11, string("a"))
    assert (second.clock, second.end, second.data) == (16, 18, gc(2))


def test_nothing_but_gaps_is_nothing() -> None:
    assert _runs(skip(4), skip(0)) == []


def test_marks_stand_where_structs_begin() -> None:
    texts = [f"{n:x}" * (1 + n % 3) for n in range(100)]
    (run,) = _runs(*[string(text, origin=(5, 9)) for text in texts])
    assert len(run.marks) == (len(texts) - 1) // MARK_EVERY
    for clock, offset, before in run.marks:
        assert before % MARK_EVERY == 0
        assert clock == 10 + sum(map(len, texts[:before]))
        assert offset == sum(len(string(text, origin=(5, 9))) for text in texts[:before])


@pytest.mark.parametrize("kind", ["origin", "right", "parent"])
def test_waits_for_what_another_client_wrote(kind: str) -> None:
    reference: dict[str, Id] = {kind: (7, 41)}
    (run,) = _runs(string("ab"), item(ANY, values(NEXT), **reference), gc(1))
    assert list(run.waits) == [(12, 7, 42)]


def test_waits_for_each_reference_of_each_struct() -> None:
    (run,) = _runs(string("a", (7, 3), (8, 4)), string("b", (7, 3), (7, 3)), string("c", (5, 11), (5, 10)))
    assert list(run.waits) == [(10, 7, 4), (10, 8, 5), (11, 7, 4), (11, 7, 4)]


def test_waits_start_anew_after_a_gap() -> None:
    first, second = _runs(string("a", (7, 3)), skip(1), string("b", (7, 2)))
    assert list(first.waits) == [(10, 7, 4)]
    assert list(second.waits) == [(12, 7, 3)]


def test_own_earlier_clocks_are_no_wait() -> None:
    (run,) = _runs(string("a", origin=(5, 9), right=(5, 0)), item(ANY, values(NEXT), parent=(5, 3)))
    assert not run.waits


@pytest.mark.parametrize("kind", ["origin", "right", "parent"])
@pytest.mark.parametrize("ahead", [0, 1, 1 << 20])
def test_own_clocks_ahead_are_refused(kind: str, ahead: int) -> None:
    reference: dict[str, Id] = {kind: (5, 11 + ahead)}
    data = update(section(5, 10, string("a"), item(ANY, values(NEXT), **reference)))
    assert _refused(data) is RefusalReason.MALFORMED


def test_an_own_id_written_longer_is_still_the_own_id() -> None:
    forward = b"\x84\x85\x00" + uint(10) + sized("a")
    assert _refused(update(section(5, 10, forward))) is RefusalReason.MALFORMED


def test_a_key_is_read_only_behind_a_parent() -> None:
    flagged = item(STRING, sized("a"), origin=(5, 9), flags=0x20)
    assert _runs(flagged)[0].end == 11
    assert _runs(item(STRING, sized("a"), parent=(5, 9), key=""))[0].end == 11


@pytest.mark.parametrize("info", [0x20, 0x40, 0x80, 0xE0, 0x2A, 0x4A, 0x8A])
def test_structs_without_content_have_no_flags(info: int) -> None:
    assert _refused(one(bytes((info,)) + bytes(8))) is RefusalReason.MALFORMED


@pytest.mark.parametrize("kind", range(11, 32))
def test_contents_of_other_implementations(kind: int) -> None:
    assert _refused(one(item(kind, b"\x01"))) is RefusalReason.UNKNOWN_CONTENT


def test_clocks_end_below_2_to_31() -> None:
    assert _runs(string("ab"), clock=2**31 - 3)[0].end == 2**31 - 1
    for structs in ([string("abc")], [gc(3)], [skip(3)], [gc(1 << 40)], [skip(1 << 52)]):
        assert _refused(update(section(5, 2**31 - 3, *structs))) is RefusalReason.MALFORMED


@pytest.mark.parametrize("kind", ["origin", "right", "parent"])
def test_clocks_that_are_named_end_below_2_to_31(kind: str) -> None:
    reference: dict[str, Id] = {kind: (7, 2**31 - 2)}
    assert _runs(item(ANY, values(NEXT), **reference))[0].waits == [(10, 7, 2**31 - 1)]
    reference = {kind: (7, 2**31 - 1)}
    assert _refused(one(item(ANY, values(NEXT), **reference))) is RefusalReason.MALFORMED


def test_nothing_is_read_past_the_section() -> None:
    assert scan(update(section(5, 0, string("a")), deletes={5: [(0, 1)]})).deletes == [(5, 0, 1)]
    assert deletions({}) == b"\x00"
