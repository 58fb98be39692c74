"""A scan goes to another process and comes back as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_server.updates import Update, scan
from collab_server.updates.scanned import decode_scan, encode_scan
from tests.support.update_bytes import TYPE, item, one, section, skip, string, uint, update

A_MAP = item(TYPE, uint(1), key="m")
INSIDE = item(TYPE, uint(1), parent=(1, 0), key="n")
MANY = [string("a")] + [string("b", (1, n), (2, n)) for n in range(50)]


def parts(found: Update) -> object:
    runs = [
        (
            run.client, run.clock, run.end, run.count, run.data,
            list(run.waits), list(run.marks), run.types, list(run.parents),
        )
        for run in found.structs
    ]  # fmt: skip
    return runs, list(found.deletes), found.depth


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x00",
        one(string("abc")),
        one(string("x", (7, 3), (9, 1)), clock=5),
        update(section(1, 0, A_MAP, INSIDE), deletes={1: [(0, 1)], (1 << 53) - 1: [(0, (1 << 53) - 1)]}),
        update(section(2, 7, string("a"), skip(5), string("b", (1, 0))), section(1, 0, *MANY)),
        update(section(1, 0, *[A_MAP] * 20)),
    ],
)
def test_it_comes_back(data: bytes) -> None:
    found = scan(data)
    assert parts(decode_scan(encode_scan(found))) == parts(found)


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(1, 40)), max_size=30))
def test_deletions_come_back_as_they_are(ranges: list[tuple[int, int]]) -> None:
    found = scan(update(deletes={3: ranges} if ranges else {}))
    assert parts(decode_scan(encode_scan(found))) == parts(found)
