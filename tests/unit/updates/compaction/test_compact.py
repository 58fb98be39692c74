"""What a base is: the whole of some updates, its head and its table."""

from __future__ import annotations

import pytest

from collab_server.errors import InvalidUpdate
from collab_server.updates.compaction import MAX_TYPE_DEPTH, compact
from tests.support.update_bytes import TYPE, gc, item, one, section, string, uint, update


def a_map(parent: tuple[int, int] | None) -> bytes:
    return item(TYPE, uint(1), parent=parent, key="m")


def test_nothing_makes_an_empty_update() -> None:
    made = compact([])
    assert made.data == b"\x00\x00"
    assert made.head.state == {}
    assert len(made.table) == 0


def test_typed_letters_become_one_string() -> None:
    letters = [one(string("a"))] + [one(string(c, (1, k)), clock=k + 1) for k, c in enumerate("bcd")]
    made = compact(letters)
    assert made.data == one(string("abcd"))
    assert made.head.state == {1: 4}
    assert made.head.structs == 1
    assert made.head.size_bytes == len(made.data)


def test_clients_stand_in_descending_order_and_the_table_says_where() -> None:
    made = compact([one(string("a"), client=3), one(string("b"), client=9)])
    assert made.data == update(section(9, 0, string("b")), section(3, 0, string("a")))
    assert list(made.table.clients) == [9, 3]
    place = made.table.since(3, 0)
    assert place is not None
    assert made.data[place.start : place.end] == string("a")


def test_an_update_that_does_not_follow_is_refused() -> None:
    with pytest.raises(InvalidUpdate, match="does not follow"):
        compact([one(string("b", (1, 0)), clock=1)])
    with pytest.raises(InvalidUpdate, match="does not follow"):
        compact([one(string("a")), one(string("a"))])


@pytest.mark.parametrize("damaged", [b"", one(string("abc"))[:-3], one(string("a")) + b"\x00"])
def test_what_is_no_update_is_refused(damaged: bytes) -> None:
    with pytest.raises(InvalidUpdate):
        compact([damaged])


def test_a_gap_is_refused() -> None:
    with pytest.raises(InvalidUpdate, match="content 10"):
        compact([update(section(1, 0, b"\x0a\x05"))])


def test_what_names_something_that_is_nowhere_is_refused() -> None:
    with pytest.raises(InvalidUpdate, match="names what is in none"):
        compact([one(string("a", (2, 7)))])


def test_a_base_goes_on_from_the_base_before() -> None:
    first = compact([one(string("ab"))])
    second = compact([first.data, one(string("c", (1, 1)), clock=2)])
    assert second.data == one(string("abc"))


def test_types_nested_too_deep_are_named() -> None:
    chain = [one(a_map(None))] + [
        one(a_map((1, clock - 1)), clock=clock) for clock in range(1, MAX_TYPE_DEPTH + 3)
    ]
    made = compact(chain)
    assert made.head.deep == {(1, MAX_TYPE_DEPTH), (1, MAX_TYPE_DEPTH + 1), (1, MAX_TYPE_DEPTH + 2)}
    again = compact([made.data])
    assert again.head.deep == made.head.deep
    deleted = compact([made.data, update(deletes={1: [(0, 1)]})])
    assert deleted.head.deep == frozenset()
    assert deleted.head.structs == 2, "a tombstone for the first, GC for all below it"


def test_what_later_sections_decide_is_found() -> None:
    """A struct of client 9 stands beside one of client 3 in a type of client 5, all in one update."""
    whole = update(
        section(9, 0, string("x", (3, 0))),
        section(5, 0, a_map(None)),
        section(3, 0, item(4, b"\x01y", parent=(5, 0))),
        deletes={5: [(0, 1)]},
    )
    made = compact([whole])
    tombstone = item(1, uint(1), key="m")
    assert made.data == update(
        section(9, 0, gc(1)), section(5, 0, tombstone), section(3, 0, gc(1)), deletes={5: [(0, 1)]}
    )
