import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_server.errors import BadMessage
from collab_server.protocol.varint import (
    MAX_SAFE_INTEGER,
    read_varuint,
    write_bytes,
    write_varuint,
)


@given(st.integers(0, MAX_SAFE_INTEGER), st.binary(max_size=4))
def test_an_integer_comes_back_with_the_position_after_it(value: int, rest: bytes) -> None:
    encoded = write_varuint(value)
    assert read_varuint(encoded + rest, 0) == (value, len(encoded))


@given(st.binary(max_size=300))
def test_bytes_stand_behind_their_length(value: bytes) -> None:
    encoded = write_bytes(value)
    size, start = read_varuint(encoded, 0)
    assert (size, encoded[start:]) == (len(value), value)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x80", b"\xff" * 200_000, b"\xff" * 9 + b"\x7f", write_varuint(1 << 53)],
    ids=["empty", "cut", "endless", "ten bytes", "above 2^53"],
)
def test_what_no_client_counts_with_is_refused(data: bytes) -> None:
    with pytest.raises(BadMessage):
        read_varuint(data, 0)
