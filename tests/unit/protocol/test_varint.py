import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_server.errors import BadMessage
from collab_server.protocol.varint import (
    MAX_SAFE_INTEGER,
    read_bytes,
    read_varuint,
    write_bytes,
    write_varuint,
)


@given(st.integers(0, MAX_SAFE_INTEGER), st.binary(max_size=4))
def test_an_integer_comes_back_with_the_position_after_it(value: int, rest: bytes) -> None:
    encoded = write_varuint(value)
    assert read_varuint(encoded + rest, 0) == (value, len(encoded))


@given(st.binary(max_size=300), st.binary(max_size=4))
def test_bytes_come_back_with_the_position_after_them(value: bytes, rest: bytes) -> None:
    encoded = write_bytes(value)
    assert read_bytes(encoded + rest, 0) == (value, len(encoded))


@pytest.mark.parametrize(
    "data",
    [b"", b"\x80", b"\xff" * 200_000, b"\xff" * 9 + b"\x7f", write_varuint(1 << 53)],
    ids=["empty", "cut", "endless", "ten bytes", "above 2^53"],
)
def test_what_no_client_counts_with_is_refused(data: bytes) -> None:
    with pytest.raises(BadMessage):
        read_varuint(data, 0)


def test_a_length_past_the_end_is_refused() -> None:
    with pytest.raises(BadMessage):
        read_bytes(b"\x05abcd", 0)
