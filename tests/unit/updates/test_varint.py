"""Integers of every size, and those that are too long or too large."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_server.errors import InvalidUpdate
from collab_server.updates.varint import MAX_SAFE_INTEGER, client_varint, read_varint, varint

EDGES = [0, 1, 127, 128, 16_383, 16_384, 2**21 - 1, 2**21, 2**28, 2**31, 2**35 - 1, 2**35, MAX_SAFE_INTEGER]


@given(st.sampled_from(EDGES) | st.integers(0, MAX_SAFE_INTEGER), st.binary(max_size=3))
def test_round_trip_between_other_bytes(value: int, around: bytes) -> None:
    encoded = varint(value)
    data = around + encoded + around
    assert read_varint(data, len(around)) == (value, len(around) + len(encoded))
    assert client_varint(value) == encoded


def test_reads_what_is_longer_than_it_must_be() -> None:
    assert read_varint(b"\x80" * 9 + b"\x00", 0) == (0, 10)


@pytest.mark.parametrize("data", [b"\x80" * 10 + b"\x00", b"\xff" * 200, varint(MAX_SAFE_INTEGER + 1)])
def test_refuses_too_long_or_too_large(data: bytes) -> None:
    with pytest.raises(InvalidUpdate):
        read_varint(data, 0)


@pytest.mark.parametrize("size", range(9))
def test_ends_with_the_data(size: int) -> None:
    with pytest.raises(IndexError):
        read_varint(b"\xff" * size, 0)
