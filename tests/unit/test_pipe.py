from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_server.pipe import (
    LENGTHS_BYTES,
    MAX_HEAD_BYTES,
    MAX_INLINE_BYTES,
    BadFrame,
    decode_head,
    decode_lengths,
    encode_frame,
)

VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
HEADS = st.dictionaries(st.text(st.characters(codec=None)), VALUES, max_size=5)


@given(HEADS, st.binary(max_size=100))
def test_what_was_written_is_read(head: dict[str, Any], data: bytes) -> None:
    frame = encode_frame(head, data)
    head_bytes, data_bytes = decode_lengths(frame[:LENGTHS_BYTES])
    body = frame[LENGTHS_BYTES:]
    assert len(body) == head_bytes + data_bytes
    assert (decode_head(body[:head_bytes]), body[head_bytes:]) == (head, data)


@given(st.binary(max_size=20))
def test_any_bytes_are_lengths_within_the_limits_or_a_bad_frame(raw: bytes) -> None:
    try:
        head, data = decode_lengths(raw)
    except BadFrame:
        return
    assert len(raw) == LENGTHS_BYTES
    assert head <= MAX_HEAD_BYTES
    assert data <= MAX_INLINE_BYTES


@given(st.binary(max_size=50))
def test_any_bytes_are_a_head_or_a_bad_frame(raw: bytes) -> None:
    try:
        assert isinstance(decode_head(raw), dict)
    except BadFrame:
        pass


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"a":' * 100_000, b"[]", b"1", b"", b"\xff"])
def test_heads_that_are_none(raw: bytes) -> None:
    with pytest.raises(BadFrame):
        decode_head(raw)


@pytest.mark.parametrize(
    ("head", "data"),
    [
        ({"text": "x" * MAX_HEAD_BYTES}, b""),
        ({}, bytes(MAX_INLINE_BYTES + 1)),
        ({"nan": float("nan")}, b""),
        ({"bytes": b"no JSON"}, b""),
    ],
)
def test_what_would_be_no_frame_is_not_written(head: dict[str, Any], data: bytes) -> None:
    with pytest.raises(BadFrame):
        encode_frame(head, data)
