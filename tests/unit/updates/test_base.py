"""Head, table and bytes of a base: what is written is read again, what is damaged is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_server.errors import InvalidUpdate
from collab_server.updates import Base, BaseHead, BlockTable, DeletedRanges
from collab_server.updates.compaction import compact
from tests.support.update_bytes import item, section, sized, string, update

CLIENTS = st.integers(0, (1 << 53) - 1)
CLOCKS = st.integers(0, (1 << 31) - 2)


@st.composite
def heads(draw: st.DrawFn) -> BaseHead:
    deletes = DeletedRanges()
    for client, start, length in draw(st.lists(st.tuples(CLIENTS, CLOCKS, st.integers(1, 50)), max_size=20)):
        deletes.add(client, start, start + length)
    deep = draw(st.frozensets(st.tuples(CLIENTS, CLOCKS), max_size=5))
    state = draw(st.dictionaries(CLIENTS, CLOCKS, max_size=20))
    structs, size, depth = (draw(st.integers(0, 1 << 40)) for _ in range(3))
    return BaseHead(state, deletes, structs, size, depth, deep)


@given(heads())
def test_a_head_is_read_as_it_was_written(head: BaseHead) -> None:
    assert BaseHead.decode(head.encode()) == head


@given(heads(), st.data())
def test_a_cut_or_longer_head_is_refused(head: BaseHead, data: st.DataObject) -> None:
    encoded = head.encode()
    cut = data.draw(st.integers(0, len(encoded) - 1))
    for damaged in (encoded[:cut], encoded + b"\0"):
        with pytest.raises(InvalidUpdate):
            BaseHead.decode(damaged)


def test_another_format_is_refused() -> None:
    encoded = bytearray(BaseHead({}, DeletedRanges(), 0, 0).encode())
    encoded[8] = 2
    with pytest.raises(InvalidUpdate, match="another format"):
        BaseHead.decode(bytes(encoded))


def test_a_table_is_read_as_it_was_written() -> None:
    structs = [item(3, sized(bytes([n])), origin=(1, n - 1) if n else None) for n in range(50)]
    table = compact([update(section(1, 0, *structs)), update(section(2, 0, string("b")))]).table
    again = BlockTable.decode(table.encode())
    assert again.encode() == table.encode()
    assert again.since(1, 30) == table.since(1, 30)
    assert again.since(2, 1) is None
    assert again.since(3, 0) is None


@pytest.mark.parametrize("damage", ["cut", "longer", "lengths", "marks"])
def test_a_damaged_table_is_refused(damage: str) -> None:
    structs = [item(3, sized(bytes([n])), origin=(1, n - 1) if n else None) for n in range(50)]
    encoded = bytearray(compact([update(section(1, 0, *structs))]).table.encode())
    if damage == "cut":
        del encoded[-1]
    elif damage == "longer":
        encoded.append(0)
    elif damage == "lengths":
        encoded[0] = 0
        del encoded[8:16]
    else:
        encoded[-8 - 3 * 4 : -3 * 4] = b"\x02" + bytes(7)
        del encoded[-4:]
    with pytest.raises(InvalidUpdate):
        BlockTable.decode(bytes(encoded))


@given(st.binary(max_size=60), st.integers(1, 20), st.data())
def test_slices_are_the_bytes_whatever_the_chunks(data: bytes, size: int, choose: st.DataObject) -> None:
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    base = Base(compact([]).table, chunks)
    start = choose.draw(st.integers(0, len(data)))
    end = choose.draw(st.integers(start, len(data)))
    assert b"".join(base.slices(start, end)) == data[start:end]
