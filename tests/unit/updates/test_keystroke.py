"""The short way finds what the scanner finds, or nothing."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collab_server.errors import InvalidUpdate
from collab_server.updates import STORED_LIMITS, Update
from collab_server.updates.keystroke import scan_keystroke
from collab_server.updates.limits import ScanLimits
from collab_server.updates.scan import scan_all
from tests.support.update_bytes import Id, gc, one, section, string, uint, update

BIG = 3_456_789_012


def _same(left: Update, right: Update) -> bool:
    def runs(found: Update) -> list[tuple[object, ...]]:
        return [(r.client, r.clock, r.end, r.count, r.data, tuple(r.waits)) for r in found.structs]

    return runs(left) == runs(right) and list(left.deletes) == list(right.deletes)


TYPED = [
    one(string("a", origin=(BIG, 4_999)), BIG, 5_000),
    one(string("a", origin=(BIG, 4_999), right=(BIG, 3)), BIG, 5_000),
    one(string("abc", origin=(7, 1), right=(8, 70_000)), BIG, 0),
    one(string("abc", origin=(7, 1), right=(7, 2)), BIG, 0),
    one(string("abc", right=(BIG, 2)), BIG, 3),
    one(string("x" * 127, origin=(1, 0)), 1, 1),
    one(string("x", origin=(2, 2**31 - 2)), 1, 2**31 - 2),
    update(deletes={BIG: [(5_000, 1)]}),
    update(deletes={1: [(0, 1 << 31)]}),
]
LEFT_ALONE = [
    b"",
    b"\x00",
    b"\x01",
    b"\x00\x00",
    one(string("é", origin=(1, 0)), 1, 1),
    one(string("x" * 128, origin=(1, 0)), 1, 1),
    one(string("", origin=(1, 0)), 1, 1),
    one(string("a")),
    one(gc(1)),
    one(string("a", origin=(1, 1)), 1, 1),
    one(string("a", origin=(2, 2**31 - 1)), 1, 1),
    one(string("a", origin=(2, 0)), 1, 2**31 - 1),
    one(string("a", origin=(1, 0)), 1, 1)[:-1] + b"\x01\x01\x01\x00\x01",
    one(string("a", origin=(1, 0)), 1, 1) + b"\x00",
    update(section(1, 1, string("a", origin=(1, 0)), gc(1))),
    update(deletes={1: [(5, 0)]}),
    update(deletes={1: [(5, 1), (7, 1)]}),
    update(deletes={1: [(5, 1)], 2: [(5, 1)]}),
    update(deletes={1: [(5, 1)]}) + b"\x00",
    uint(1) + uint(1) + b"\xff" * 12,
]


@pytest.mark.parametrize("data", TYPED)
def test_short_and_the_same(data: bytes) -> None:
    short = scan_keystroke(data)
    assert short is not None
    assert _same(short, scan_all(data, STORED_LIMITS))


@pytest.mark.parametrize("data", LEFT_ALONE)
def test_left_to_the_scanner(data: bytes) -> None:
    assert scan_keystroke(data) is None


IDS = st.tuples(st.sampled_from([1, 5, 300, BIG]), st.integers(0, 12))


@example(client=5, clock=3, origin=(5, 3), right=None, text="a", noise=[])
@given(
    client=st.sampled_from([1, 5, 300, BIG]),
    clock=st.integers(0, 12),
    origin=st.none() | IDS,
    right=st.none() | IDS,
    text=st.text(max_size=3) | st.just("x" * 130),
    noise=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 255)), max_size=3),
)
def test_never_differs(
    client: int, clock: int, origin: Id | None, right: Id | None, text: str, noise: list[tuple[int, int]]
) -> None:
    data = bytearray(one(string(text, origin=origin, right=right), client, clock))
    for place, byte in noise:
        data[place % len(data)] = byte
    _compare(bytes(data))


@example(tail=b"\xff" * 12, head=b"\x01\x01")
@given(
    tail=st.lists(st.integers(0, 255), max_size=12).map(bytes),
    head=st.sampled_from([b"\x00\x01", b"\x01\x01", b""]),
)
def test_never_differs_on_noise(tail: bytes, head: bytes) -> None:
    _compare(head + tail)


def _compare(data: bytes) -> None:
    short = scan_keystroke(data)
    if short is None:
        return
    try:
        whole = scan_all(data, ScanLimits(max_blocks=1, max_clients=1, max_delete_ranges=1, max_depth=0))
    except InvalidUpdate as error:
        pytest.fail(f"the short way took what the scanner refuses: {error}")
    assert _same(short, whole)
