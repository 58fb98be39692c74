"""What becomes of a client's structs: tombstones, GC, joins, cuts."""

from __future__ import annotations

import pytest

from collab_server.updates.compaction import compact
from tests.support.update_bytes import (
    ANY,
    BINARY,
    DELETED,
    JSON,
    STRING,
    TYPE,
    entries,
    gc,
    item,
    one,
    section,
    sized,
    string,
    texts,
    uint,
    update,
    values,
)

TRUE, FALSE = b"\x78", b"\x79"


def compacted(*updates: bytes) -> bytes:
    data = compact(updates).data
    assert compact([data]).data == data, "once is enough"
    return data


def deleted(length: int, **where: object) -> bytes:
    return item(DELETED, uint(length), **where)  # type: ignore[arg-type]


def test_deleted_content_goes_and_its_head_stays() -> None:
    data = compacted(one(string("secret")), update(deletes={1: [(0, 6)]}))
    assert data == update(section(1, 0, deleted(6)), deletes={1: [(0, 6)]})


def test_a_struct_is_cut_where_a_deletion_begins_and_ends() -> None:
    data = compacted(one(string("abcdef")), update(deletes={1: [(2, 2)]}))
    assert data == update(
        section(1, 0, string("ab"), deleted(2, origin=(1, 1)), string("ef", (1, 3))), deletes={1: [(2, 2)]}
    )


def test_several_deletions_in_one_struct() -> None:
    data = compacted(one(string("abcdefgh")), update(deletes={1: [(0, 1), (3, 1), (7, 1)]}))
    assert data == update(
        section(
            1,
            0,
            deleted(1),
            string("bc", (1, 0)),
            deleted(1, origin=(1, 2)),
            string("efg", (1, 3)),
            deleted(1, origin=(1, 6)),
        ),
        deletes={1: [(0, 1), (3, 1), (7, 1)]},
    )


def test_a_cut_keeps_the_right_origin() -> None:
    first = update(section(2, 0, string("z")))
    data = compacted(first, one(string("abc", None, (2, 0))), update(deletes={1: [(1, 1)]}))
    assert data == update(
        section(2, 0, string("z")),
        section(
            1,
            0,
            string("a", None, (2, 0)),
            deleted(1, origin=(1, 0), right=(2, 0)),
            string("c", (1, 1), (2, 0)),
        ),
        deletes={1: [(1, 1)]},
    )


def test_half_a_surrogate_pair_is_replaced_on_both_sides() -> None:
    data = compacted(one(string("a😀b")), update(deletes={1: [(2, 1)]}))
    assert data == update(
        section(1, 0, string("a\ufffd"), deleted(1, origin=(1, 1)), string("b", (1, 2))),
        deletes={1: [(2, 1)]},
    )


def test_values_and_legacy_json_are_cut_and_joined() -> None:
    map_like = entries([("k", TRUE)])
    data = compacted(
        update(
            section(1, 0, item(ANY, values(TRUE, map_like, FALSE)), item(ANY, values(TRUE), origin=(1, 2)))
        ),
        update(section(2, 0, item(JSON, texts('"a"', "undefined", "1")))),
        update(deletes={1: [(1, 1)], 2: [(0, 1)]}),
    )
    assert data == update(
        section(2, 0, deleted(1), item(JSON, texts("undefined", "1"), origin=(2, 0))),
        section(
            1,
            0,
            item(ANY, values(TRUE)),
            deleted(1, origin=(1, 0)),
            item(ANY, values(FALSE, TRUE), origin=(1, 1)),
        ),
        deletes={2: [(0, 1)], 1: [(1, 1)]},
    )


@pytest.mark.parametrize(
    "second",
    [
        string("b", (2, 0)),
        string("b", (1, 0), (2, 0)),
        string("b"),
        item(ANY, values(TRUE), origin=(1, 0)),
        item(STRING, sized("b"), origin=(1, 0), flags=0x20),
    ],
    ids=["another origin", "another right origin", "no origin", "another kind", "in a map"],
)
def test_what_does_not_follow_is_not_joined(second: bytes) -> None:
    data = compacted(
        update(section(2, 0, string("z"))), update(section(1, 0, string("a"))), one(second, clock=1)
    )
    assert data == update(section(2, 0, string("z")), section(1, 0, string("a"), second))


def test_binary_content_is_never_joined() -> None:
    first, second = item(BINARY, sized(b"\x01")), item(BINARY, sized(b"\x02"), origin=(1, 0))
    assert compacted(update(section(1, 0, first, second))) == update(section(1, 0, first, second))


def test_what_stands_in_a_deleted_type_becomes_gc_and_gc_is_joined() -> None:
    a_text = item(TYPE, uint(2))
    inside = item(STRING, sized("ab"), parent=(1, 0))
    data = compacted(
        update(section(1, 0, a_text, inside, string("c", (1, 2)), string("after"))),
        update(deletes={1: [(0, 1)]}),
    )
    assert data == update(section(1, 0, deleted(1), gc(3), string("after")), deletes={1: [(0, 1)]})


def test_gc_of_the_clients_stays_gc() -> None:
    data = compacted(update(section(1, 0, gc(2), gc(3), string("a"))))
    assert data == update(section(1, 0, gc(5), string("a")))


def test_what_hangs_on_gc_becomes_gc_as_in_yjs() -> None:
    data = compacted(update(section(1, 0, gc(2), string("lost", (1, 1)))))
    assert data == update(section(1, 0, gc(6)))


def test_what_names_no_type_as_its_parent_becomes_gc_as_in_yjs() -> None:
    data = compacted(update(section(1, 0, string("a"), item(STRING, sized("b"), parent=(1, 0)))))
    assert data == update(section(1, 0, string("a"), gc(1)))


def test_marks_stand_at_structs() -> None:
    structs = [item(BINARY, sized(bytes([n])), origin=(1, n - 1) if n else None) for n in range(100)]
    made = compact([update(section(1, 0, *structs))])
    seen = set()
    for clock in range(100):
        place = made.table.since(1, clock)
        assert place is not None
        assert clock - 16 < place.clock <= clock
        assert made.data[place.start : place.end] == b"".join(structs[place.clock :])
        assert place.count == 100 - place.clock
        seen.add(place.clock)
    assert len(seen) == 7
