from __future__ import annotations

import pytest

from collab_server.updates import Outline, Root, Sequence, scan
from tests.support.update_bytes import (
    ANY,
    DELETED,
    EMBED,
    FORMAT,
    STRING,
    TYPE,
    gc,
    item,
    one,
    section,
    sized,
    string,
    uint,
    update,
    values,
)

TEXT, FRAGMENT, ARRAY = (Root(kind, has_keys=False) for kind in Sequence)
MAP = Root(None, has_keys=True)
VALUE = values(b"\x78")


def _roots(*updates: bytes) -> dict[str, Root]:
    outline = Outline()
    for data in updates:
        outline.add(scan(data).structs)
    return dict(outline.roots())


@pytest.mark.parametrize(
    ("struct", "expected"),
    [
        (string("a"), TEXT),
        (item(FORMAT, sized("b") + sized("true")), TEXT),
        (item(EMBED, sized("{}")), TEXT),
        (item(ANY, VALUE), ARRAY),
        (item(TYPE, b"\x00"), ARRAY),
        (item(TYPE, b"\x02"), ARRAY),
        (item(TYPE, b"\x03" + sized("p")), FRAGMENT),
        (item(TYPE, b"\x06"), FRAGMENT),
        (item(ANY, VALUE, key="k"), MAP),
        (item(STRING, sized("a"), key="k"), MAP),
        (item(DELETED, uint(3)), Root(None, has_keys=False)),
    ],
)
def test_one_struct_says_what_its_root_is(struct: bytes, expected: Root) -> None:
    assert _roots(one(struct)) == {"t": expected}


def test_a_text_whose_beginning_was_erased_is_still_a_text() -> None:
    structs = section(1, 0, item(DELETED, uint(3)), string("a", origin=(1, 2)))
    assert _roots(update(structs)) == {"t": TEXT}


def test_the_next_value_under_a_key_belongs_to_the_map_too() -> None:
    structs = section(1, 0, item(ANY, VALUE, key="k"), item(STRING, sized("a"), origin=(1, 0)))
    assert _roots(update(structs)) == {"t": MAP}


def test_a_struct_before_the_first_names_it_as_right_origin() -> None:
    structs = section(1, 0, item(DELETED, uint(1)), string("a", right=(1, 0)))
    assert _roots(update(structs)) == {"t": TEXT}


def test_what_lies_in_a_nested_type_says_nothing_of_the_root() -> None:
    nested = section(1, 0, item(TYPE, b"\x02"), item(STRING, sized("a"), parent=(1, 0)))
    assert _roots(update(nested)) == {"t": ARRAY}


def test_garbage_lies_nowhere() -> None:
    assert _roots(update(section(1, 0, gc(3), string("a", origin=(1, 1))))) == {}


def test_a_root_may_have_keys_and_a_sequence() -> None:
    structs = section(1, 0, item(ANY, VALUE, key="k"), string("a"))
    assert _roots(update(structs)) == {"t": Root(Sequence.TEXT, has_keys=True)}


def test_a_struct_may_hang_on_one_of_a_client_that_is_read_later() -> None:
    first = section(9, 0, string("a", origin=(1, 0)))
    assert _roots(update(first, section(1, 0, item(DELETED, uint(1))))) == {"t": TEXT}


def test_over_many_clients_and_updates() -> None:
    updates = [one(item(DELETED, uint(1)))]
    updates += [one(item(DELETED, uint(1), origin=(n, 0)), client=n + 1) for n in range(1, 50)]
    updates.append(one(string("a", origin=(50, 0)), client=51))
    assert _roots(*updates) == {"t": TEXT}


def test_structs_that_name_each_other_end() -> None:
    circle = update(section(2, 0, string("a", origin=(1, 0))), section(1, 0, string("b", origin=(2, 0))))
    assert _roots(circle) == {}


def test_roots_are_kept_apart_and_sorted() -> None:
    structs = section(1, 0, string("a", root="z"), item(ANY, VALUE, root="a"), string("b", origin=(1, 0)))
    assert list(_roots(update(structs)).items()) == [("a", ARRAY), ("z", TEXT)]


def test_the_state_is_where_each_client_has_got_to() -> None:
    outline = Outline()
    outline.add(scan(update(section(7, 0, string("abc")), section(1, 0, gc(2)))).structs)
    assert outline.state == {7: 3, 1: 2}
