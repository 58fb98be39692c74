"""Cutting: runs at any clock, structs at any offset, as Yjs' `Item.write(encoder, offset)` does.

Owns the walk over bytes that `scan` has checked before; it checks nothing again. Knows no document.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from operator import itemgetter

from collab_server.updates.content import ANY, DELETED, GC, JSON, READERS, STRING
from collab_server.updates.run import Place, Run
from collab_server.updates.section import HAS_ORIGIN, HAS_PARENT_SUB, HAS_REFERENCE, HAS_RIGHT_ORIGIN
from collab_server.updates.text import slice_text, utf16_length
from collab_server.updates.values import skip_values
from collab_server.updates.varint import read_varint, varint

_ANY_DEPTH = 1 << 31

_clock_of = itemgetter(0)


def drop_before(run: Run, clock: int) -> Run:
    """The part of a run from `clock` on, which must lie inside; the first struct is cut where it must."""
    if clock == run.clock:
        return run
    start, offset, skipped = locate(run, clock)
    data = run.data[offset:]
    shift = offset
    if start < clock:
        first = _cut(run.data, offset, run.client, start, clock - start)
        end = struct_end(run.data, offset)[1]
        data = first + run.data[end:]
        shift = end - len(first)
    marks = [
        (at, place - shift, before - skipped)
        for at, place, before in run.marks[bisect_right(run.marks, start, key=_clock_of) :]
    ]
    waits = run.waits[bisect_left(run.waits, start, key=_clock_of) :]
    if start < clock:
        waits = [(max(at, clock), other, end) for at, other, end in waits]
    return Run(run.client, clock, run.end, run.count - skipped, data, waits, marks, run.types, run.parents)


def keep_before(run: Run, clock: int) -> Run:
    """The part of a run before `clock`, where a struct of it must begin."""
    if clock == run.end:
        return run
    _, offset, count = locate(run, clock)
    waits = run.waits[: bisect_left(run.waits, clock, key=_clock_of)]
    marks = run.marks[: bisect_left(run.marks, clock, key=_clock_of)]
    data = run.data[:offset]
    return Run(run.client, run.clock, clock, count, data, waits, marks, run.types, run.parents)


def locate(run: Run, clock: int) -> Place:
    """Clock, offset and number of structs before the struct that `clock` lies in."""
    at = bisect_right(run.marks, clock, key=_clock_of)
    start, offset, before = run.marks[at - 1] if at else (run.clock, 0, 0)
    while True:
        length, end = struct_end(run.data, offset)
        if start + length > clock:
            return start, offset, before
        start, offset, before = start + length, end, before + 1


def struct_end(data: bytes, pos: int) -> tuple[int, int]:
    """Length of the struct at `pos` in clocks, and the position after it."""
    kind = data[pos] & 31
    if kind == GC:
        return read_varint(data, pos + 1)
    pos = content_start(data, pos)
    if kind == STRING:
        size, pos = read_varint(data, pos)
        return utf16_length(data[pos : pos + size]), pos + size
    return READERS[kind](data, pos, _ANY_DEPTH)


def content_start(data: bytes, pos: int) -> int:
    """Position of the content of the struct at `pos`."""
    info = data[pos]
    pos += 1
    references = (info >> 7) + (info >> 6 & 1)
    if not references:
        is_root = data[pos]
        pos += 1
        if is_root:
            pos = _skip_sized(data, pos)
        references = 1 - is_root
    for _ in range(2 * references):
        _, pos = read_varint(data, pos)
    if info & HAS_PARENT_SUB and not info & HAS_REFERENCE:
        pos = _skip_sized(data, pos)
    return pos


def _skip_sized(data: bytes, pos: int) -> int:
    size, pos = read_varint(data, pos)
    return pos + size


def _cut(data: bytes, pos: int, client: int, clock: int, offset: int) -> bytes:
    """The struct at `pos`, which begins at `clock`, without its first `offset` units.

    It hangs on the unit before; its right origin stays; its parent follows from its origin.
    """
    info = data[pos]
    kind = info & 31
    if kind == GC:
        return bytes((GC,)) + varint(read_varint(data, pos + 1)[0] - offset)
    head = bytes((info | HAS_ORIGIN,)) + varint(client) + varint(clock + offset - 1)
    return head + _right_origin(data, pos) + _cut_content(data, content_start(data, pos), kind, offset)


def _right_origin(data: bytes, pos: int) -> bytes:
    """The bytes of the right origin of the struct at `pos`, empty if it has none."""
    info = data[pos]
    if not info & HAS_RIGHT_ORIGIN:
        return b""
    start = pos + 1
    if info & HAS_ORIGIN:
        start = read_varint(data, read_varint(data, start)[1])[1]
    return data[start : content_start(data, pos)]


def _cut_content(data: bytes, pos: int, kind: int, offset: int) -> bytes:
    size, pos = read_varint(data, pos)
    if kind == DELETED:
        return varint(size - offset)
    if kind == STRING:
        rest = slice_text(data[pos : pos + size], offset)
        return varint(len(rest)) + rest
    if kind == ANY:
        start = skip_values(data, pos, offset, _ANY_DEPTH)
        end = skip_values(data, start, size - offset, _ANY_DEPTH)
        return varint(size - offset) + data[start:end]
    # JSON: the only other content that is longer than one.
    assert kind == JSON
    start = _skip_many_sized(data, pos, offset)
    return varint(size - offset) + data[start : _skip_many_sized(data, start, size - offset)]


def _skip_many_sized(data: bytes, pos: int, count: int) -> int:
    for _ in range(count):
        pos = _skip_sized(data, pos)
    return pos
