import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_server.errors import BadMessage
from collab_server.protocol.awareness import LEFT, AwarenessEntry, decode_entries, encode_entries
from collab_server.protocol.varint import MAX_SAFE_INTEGER, write_bytes, write_varuint

IDS = st.integers(0, MAX_SAFE_INTEGER)
STATES = st.sampled_from([b"{}", LEFT, b'{"user":{"name":"Mira"}}', '{"n":"ö"}'.encode()])
ENTRIES = st.lists(
    st.builds(AwarenessEntry, IDS, IDS, STATES), max_size=5, unique_by=lambda entry: entry.client
)


def decode(data: bytes) -> list[AwarenessEntry]:
    return decode_entries(data, max_entries=100, max_state_bytes=1000)


@given(ENTRIES)
def test_entries_come_back_as_the_bytes_that_came(entries: list[AwarenessEntry]) -> None:
    assert decode(encode_entries(entries)) == entries


@pytest.mark.parametrize("state", [b"", b"1", b"[]", b'"x"', b"NaN", b"{", b"\xff\xff", b"{}x", b"[" * 5000])
def test_a_state_is_an_object_or_null(state: bytes) -> None:
    with pytest.raises(BadMessage):
        decode(encode_entries([AwarenessEntry(1, 1, state)]))


def test_null_with_blanks_is_null() -> None:
    assert decode(encode_entries([AwarenessEntry(1, 1, b" null ")]))[0].left


def test_limits_are_kept() -> None:
    with pytest.raises(BadMessage, match="over"):
        decode(encode_entries([AwarenessEntry(1, 1, b'{"a":"' + b"x" * 1000 + b'"}')]))
    with pytest.raises(BadMessage, match="fit"):
        decode(encode_entries([AwarenessEntry(n, 1, b"{}") for n in range(101)]))


def test_a_count_that_lies_is_found_before_anything_is_read() -> None:
    with pytest.raises(BadMessage, match="fit"):
        decode_entries(write_varuint(1 << 40), max_entries=1 << 50, max_state_bytes=10)


@pytest.mark.parametrize(
    "data",
    [
        encode_entries([AwarenessEntry(1, 1, b"{}")]) + b"\x00",
        encode_entries([AwarenessEntry(1, 1, b"{}"), AwarenessEntry(1, 2, b"{}")]),
        encode_entries([AwarenessEntry(1, 1, b"{}")])[:-1],
        write_varuint(1) + write_varuint(1) + write_varuint(1 << 60) + write_bytes(b"{}"),
    ],
    ids=["trailing", "twice", "cut", "clock"],
)
def test_a_frame_is_taken_whole_or_not_at_all(data: bytes) -> None:
    with pytest.raises(BadMessage):
        decode(data)


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    try:
        decode(data)
    except BadMessage:
        pass
