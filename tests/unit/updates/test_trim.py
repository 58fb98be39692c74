"""Cutting runs and structs as Yjs does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_server.updates import Run, scan
from collab_server.updates.trim import drop_before, keep_before, locate, struct_end
from tests.support.update_bytes import (
    ANY,
    BINARY,
    DELETED,
    DOCUMENT,
    EMBED,
    FORMAT,
    JSON,
    STRING,
    TYPE,
    Id,
    entries,
    gc,
    item,
    section,
    sized,
    string,
    texts,
    uint,
    update,
    values,
)

OWN, OTHER = 5, 300


def _run(*structs: bytes, clock: int = 10) -> Run:
    (run,) = scan(update(section(OWN, clock, *structs))).structs
    return run


def _cut(struct: bytes, offset: int) -> bytes:
    run = drop_before(_run(struct), 10 + offset)
    assert (run.clock, run.count) == (10 + offset, 1)
    assert struct_end(run.data, 0) == (run.end - run.clock, len(run.data))
    return run.data


ONE_LONG = [
    item(BINARY, sized(b"abc")),
    item(EMBED, sized("{}"), right=(OTHER, 1)),
    item(FORMAT, sized("b") + sized("null"), origin=(OTHER, 1)),
    item(TYPE, b"\x03" + sized("p"), parent=(OTHER, 1)),
    item(DOCUMENT, sized("g") + entries([("a", b"\x7e")]), root="m", key="k"),
]


@pytest.mark.parametrize("struct", [*ONE_LONG, string("ab"), gc(4), item(ANY, values(b"\x7e", b"\x75\x00"))])
def test_struct_end(struct: bytes) -> None:
    run = _run(struct)
    assert struct_end(b"?" + struct + b"rest", 1) == (run.end - run.clock, 1 + len(struct))


# In Yjs: `Item.write(encoder, offset)`, `GC.write`, and the contents' `write`.
CONTENTS = [
    (DELETED, uint(5), 2, uint(3)),
    (JSON, texts("1", '"ä"', "undefined"), 1, texts('"ä"', "undefined")),
    (JSON, texts("1", '"ä"', "undefined"), 2, texts("undefined")),
    (ANY, values(b"\x7e", b"\x75\x01\x7e", b"\x78"), 1, values(b"\x75\x01\x7e", b"\x78")),
    (ANY, values(b"\x7e", b"\x75\x01\x7e", b"\x78"), 2, values(b"\x78")),
    (STRING, sized("abc"), 1, sized("bc")),
    (STRING, sized("äbc"), 2, sized("c")),
    (STRING, sized("a😀b"), 1, sized("😀b")),
    (STRING, sized("a😀b"), 2, sized("\ufffdb")),
    (STRING, sized("a😀b"), 3, sized("b")),
    (STRING, sized("😀"), 1, sized("\ufffd")),
]


@pytest.mark.parametrize(("kind", "content", "offset", "rest"), CONTENTS)
def test_content(kind: int, content: bytes, offset: int, rest: bytes) -> None:
    hung_on = item(kind, rest, origin=(OWN, 9 + offset))
    assert _cut(item(kind, content), offset) == hung_on
    assert _cut(item(kind, content, origin=(OTHER, 7)), offset) == hung_on
    assert _cut(item(kind, content, parent=(OTHER, 7)), offset) == hung_on


@pytest.mark.parametrize("origin", [None, (OTHER, 999), (OWN, 3)])
def test_right_origin_stays(origin: Id | None) -> None:
    cut = _cut(string("abcd", origin=origin, right=(OTHER, 1 << 20)), 3)
    assert cut == string("d", origin=(OWN, 12), right=(OTHER, 1 << 20))


def test_parent_is_left_out_its_flag_stays() -> None:
    cut = _cut(item(ANY, values(b"\x7e", b"\x7f"), parent=(OTHER, 1), key="key"), 1)
    assert cut == item(ANY, values(b"\x7f"), origin=(OWN, 10), flags=0x20)


def test_garbage() -> None:
    assert _cut(gc(300), 299) == gc(1)


STRUCTS = [
    string("ab"),
    string("x", origin=(OTHER, 4)),
    gc(3),
    string("😀é", origin=(OWN, 9), right=(OTHER, 90)),
]
PIECES = st.lists(st.sampled_from(STRUCTS), min_size=1, max_size=80)


@given(PIECES, st.data())
def test_a_cut_run_is_as_if_it_had_come_so(pieces: list[bytes], data: st.DataObject) -> None:
    run = _run(*pieces)
    clock = data.draw(st.integers(run.clock, run.end - 1))
    start, offset, before = locate(run, clock)
    assert start <= clock
    assert run.data[offset:] == b"".join(pieces[before:])

    rest = drop_before(run, clock)
    again = _run(rest.data if rest.count == 1 else rest.data[: struct_end(rest.data, 0)[1]], clock=clock)
    assert again.clock == clock
    scanned = scan(uint(1) + uint(rest.count) + uint(OWN) + uint(clock) + rest.data + b"\x00").structs[0]
    assert (rest.clock, rest.end, rest.count, rest.data) == (clock, run.end, scanned.count, scanned.data)
    _check_marks(rest)
    assert all(wait in rest.waits for wait in scanned.waits)

    whole = keep_before(run, start) if start > run.clock else None
    if whole is not None:
        assert whole.data + run.data[offset:] == run.data
        assert (whole.end, whole.count) == (start, before)
        assert [wait for wait in run.waits if wait[0] < start] == list(whole.waits)
        _check_marks(whole)


def _check_marks(run: Run) -> None:
    unmarked = Run(run.client, run.clock, run.end, run.count, run.data)
    last = 0
    for mark in run.marks:
        assert mark == locate(unmarked, mark[0])
        assert 0 < mark[2] - last <= 16
        last = mark[2]
    assert run.count - last <= 16


def test_waits_of_a_cut_struct_begin_where_it_does() -> None:
    run = _run(string("ab", origin=(OTHER, 1)), string("cde", origin=(OTHER, 2), right=(OTHER, 3)))
    assert list(drop_before(run, 13).waits) == [(13, OTHER, 3), (13, OTHER, 4)]


def test_nothing_to_cut() -> None:
    run = _run(string("ab"))
    assert drop_before(run, run.clock) is run
    assert keep_before(run, run.end) is run
