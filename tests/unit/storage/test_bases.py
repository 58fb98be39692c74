"""The values of the port of bases, and that every adapter has its calls."""

from __future__ import annotations

import pytest
from collab_storage import CHUNK_BYTES, Base, Bases
from collab_storage.bases import check_base, cut
from collab_storage.memory_bases import MemoryBases
from collab_storage.sqlite import SqliteBases
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.storage.ports import calls_of, check_signature

CALLS = calls_of(Bases)


def make_base(size_bytes: int) -> Base:
    return Base("t", "r", 1, 0, b"secret", size_bytes, 0, 1.0)


def test_the_port_is_as_small_as_it_was() -> None:
    assert sorted(CALLS) == [
        "check",
        "chunk",
        "close",
        "delete_room",
        "drop",
        "drop_older",
        "newest",
        "open",
        "quarantined",
        "quarantined_data",
        "rooms",
        "table",
        "verify",
    ]


@pytest.mark.parametrize("adapter", [MemoryBases, SqliteBases])
@pytest.mark.parametrize("call", CALLS)
def test_signatures_are_those_of_the_port(adapter: type, call: str) -> None:
    check_signature(adapter, Bases, call)


@pytest.mark.parametrize(
    ("size", "lengths"),
    [
        (0, []),
        (1, [1]),
        (CHUNK_BYTES, [CHUNK_BYTES]),
        (CHUNK_BYTES + 1, [CHUNK_BYTES, 1]),
        (2 * CHUNK_BYTES, [CHUNK_BYTES] * 2),
    ],
)
def test_a_base_knows_its_chunks(size: int, lengths: list[int]) -> None:
    base = make_base(size)
    assert base.chunks == len(lengths)
    assert [base.chunk_bytes(number) for number in range(base.chunks)] == lengths
    for number in (-1, base.chunks):
        with pytest.raises(ValueError, match="chunk"):
            base.chunk_bytes(number)


def test_a_base_does_not_show_its_bytes() -> None:
    assert "secret" not in repr(make_base(5))


@given(st.lists(st.binary(max_size=30), max_size=8), st.integers(1, 12))
def test_data_in_any_pieces_is_cut_into_equal_ones(pieces: list[bytes], size: int) -> None:
    whole = b"".join(pieces)
    assert list(cut(pieces, size)) == [whole[start : start + size] for start in range(0, len(whole), size)]


@pytest.mark.parametrize(("tenant", "room", "offset"), [("", "r", 0), ("t", "a\0", 0), ("t", "r", -1)])
def test_what_no_base_may_have_is_refused(tenant: str, room: str, offset: int) -> None:
    with pytest.raises(ValueError):
        check_base(tenant, room, offset)
    check_base("t", "r", 0)
