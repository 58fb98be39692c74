"""The order of an update's parts, their numbers, and that it is all or nothing."""

from __future__ import annotations

import pytest

from collab_server.errors import InvalidUpdate, RefusalReason
from collab_server.updates import scan
from collab_server.updates.limits import STORED_LIMITS
from collab_server.updates.scan import scan_deletes
from tests.support.update_bytes import deletions, gc, one, section, skip, string, uint, update


def _refused(data: bytes) -> RefusalReason:
    with pytest.raises(InvalidUpdate) as error:
        scan(data)
    return error.value.reason


def test_nothing() -> None:
    found = scan(b"\x00\x00")
    assert not found.structs
    assert not found.deletes


def test_sections_keep_their_order() -> None:
    data = update(section(3, 0, string("a")), section(9, 4, gc(2), skip(1), gc(1)), section(1, 7, gc(1)))
    assert [(run.client, run.clock, run.end) for run in scan(data).structs] == [
        (3, 0, 1),
        (9, 4, 6),
        (9, 7, 8),
        (1, 7, 8),
    ]


def test_deletions_come_as_they_stand() -> None:
    """Yjs takes them unsorted, overlapping, empty; we write them anew from these values."""
    data = update(deletes={2: [(5, 3), (1, 9), (4, 0)], 1: [], 7: [(0, 1 << 40)]})
    assert scan(data).deletes == [(2, 5, 8), (2, 1, 10), (7, 0, 1 << 40)]


@pytest.mark.parametrize(
    "data",
    [
        update(section(1, 0)),
        update(section(1, 0, gc(1)), section(1, 1, gc(1))),
        b"\x00\x02" + 2 * deletions({1: [(0, 1)]})[1:],
        b"\x02" + section(1, 0, gc(1)) + b"\x00",
        b"\x01" + uint(3) + section(1, 0, gc(1), gc(1))[1:] + b"\x00",
        update() + b"\x00",
        one(gc(1)) + one(gc(1)),
    ],
)
def test_wrong_numbers(data: bytes) -> None:
    assert _refused(data) is RefusalReason.MALFORMED


def test_every_beginning_and_every_continuation_is_refused() -> None:
    data = update(
        section(300, 7, string("grüße", origin=(300, 6)), gc(200)),
        section(2, 0, string("x", root="text")),
        deletes={300: [(0, 5)]},
    )
    scan(data)
    for size in range(len(data)):
        assert _refused(data[:size]) is RefusalReason.MALFORMED
    for byte in range(256):
        assert _refused(data + bytes((byte,))) is RefusalReason.MALFORMED


def test_one_bad_struct_refuses_all() -> None:
    assert (
        _refused(update(section(2, 0, string("a")), section(1, 0, string(b"\xff"))))
        is RefusalReason.MALFORMED
    )


def test_deletions_alone() -> None:
    encoded = deletions({1: [(2, 3)]})
    assert scan_deletes(b"?" + encoded, 1, STORED_LIMITS) == ([(1, 2, 5)], 1 + len(encoded))
