"""Strict UTF-8 and lengths as JavaScript counts them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_server.errors import InvalidUpdate
from collab_server.updates.text import check_utf8, read_text, skip_text, utf16_length
from tests.support.update_bytes import sized

BAD = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"a\x80"]


@given(st.text(max_size=300))
def test_reads_and_skips_alike(text: str) -> None:
    data = sized(text) + b"rest"
    assert read_text(data, 0) == (text, len(data) - 4)
    assert skip_text(data, 0) == len(data) - 4


@given(st.text())
def test_length_is_that_of_javascript(text: str) -> None:
    assert utf16_length(text.encode()) == len(text) + sum(char > "\uffff" for char in text)


@pytest.mark.parametrize("raw", BAD)
def test_refuses_what_a_fatal_text_decoder_refuses(raw: bytes) -> None:
    for refuse in (check_utf8, utf16_length):
        with pytest.raises(InvalidUpdate):
            refuse(raw)
    for read in (read_text, skip_text):
        with pytest.raises(InvalidUpdate):
            read(sized(raw), 0)


def test_a_byte_order_mark_is_a_character() -> None:
    assert read_text(sized("\ufeffa"), 0)[0] == "\ufeffa"
