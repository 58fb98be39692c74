"""How deep types lie in each other."""

from __future__ import annotations

from collab_server.updates import scan
from collab_server.updates.compaction.nesting import GONE, depths, nested_types
from collab_server.updates.compaction.structs import Document
from tests.support.update_bytes import TYPE, gc, item, one, section, skip, string, uint, update


def a_map(parent: tuple[int, int] | None = None, **where: tuple[int, int]) -> bytes:
    key = None if where else "m"
    return item(TYPE, uint(1), parent=parent, key=key, **where)  # type: ignore[arg-type]


def chain(length: int, *, client: int = 1, clock: int = 0, parent: tuple[int, int] | None = None) -> bytes:
    """Maps in each other, one after the other in the clocks of one client."""
    parents = [parent] + [(client, clock + n) for n in range(length - 1)]
    return section(client, clock, *map(a_map, parents))


def test_text_has_no_types() -> None:
    assert nested_types(one(string("abc"))) == 0
    assert scan(one(string("abc"))).depth == 0


def test_types_in_each_other_are_counted() -> None:
    assert nested_types(update(chain(20))) == 20
    assert scan(update(chain(20))).depth == 20


def test_types_side_by_side_are_one_deep() -> None:
    flat = update(section(1, 0, *[a_map() for _ in range(500)]))
    assert nested_types(flat) == 1
    assert scan(flat).depth == 1


def test_a_few_types_are_counted_without_a_look() -> None:
    assert scan(update(section(1, 0, a_map(), a_map()))).depth == 2


def test_what_stands_beside_lies_in_the_same_type() -> None:
    beside = a_map(origin=(1, 1))
    inside = a_map((1, 2))
    assert nested_types(update(section(1, 0, a_map(), a_map((1, 0)), beside, inside))) == 3


def test_a_part_begins_at_any_clock_and_may_have_gaps() -> None:
    assert nested_types(update(chain(10, clock=70, parent=(1, 69)))) == 10
    behind_a_gap = update(section(1, 5, a_map((9, 9)), skip(4), a_map((1, 5)), a_map(origin=(1, 7))))
    assert nested_types(behind_a_gap) == 2


def test_deletions_of_the_same_update_hide_nothing() -> None:
    """Yjs integrates first and deletes then, and that is when the stack overflows."""
    assert nested_types(update(chain(20), deletes={1: [(0, 1)]})) == 20


def test_sections_that_name_each_other_are_followed() -> None:
    crossed = update(
        section(9, 0, a_map((3, 0)), a_map((3, 1))),
        section(3, 0, a_map(), a_map((9, 0))),
    )
    assert nested_types(crossed) == 4


def test_types_under_a_deleted_one_are_gone() -> None:
    document = Document()
    document.read(update(chain(3), deletes={1: [(1, 1)]}))
    first, *rest = depths(document)
    assert first == 1
    assert all(depth >= GONE for depth in rest)


def test_types_that_hang_on_gc_are_gone() -> None:
    document = Document()
    document.read(update(section(1, 0, gc(1), a_map(origin=(1, 0)))))
    assert all(depth >= GONE for depth in depths(document))
