"""Authors as bytes."""

from __future__ import annotations

import pytest
from collab_storage import decode_authors, encode_authors
from hypothesis import given
from hypothesis import strategies as st

users = st.text(st.characters(exclude_categories=["Cs"]))
authors = st.dictionaries(users, st.sets(st.integers(0, 2**53 - 1)), max_size=5)


def test_the_form_is_the_one_of_the_document() -> None:
    assert (
        encode_authors({"bob": [9, 7, 9], "ada": [3], "ä": []})
        == '[["ada",[3]],["bob",[7,9]],["ä",[]]]'.encode()
    )
    assert encode_authors({}) == b"[]"


@given(authors)
def test_what_is_encoded_comes_back(authors: dict[str, set[int]]) -> None:
    decoded = decode_authors(encode_authors(authors))
    assert decoded == {user: tuple(sorted(clients)) for user, clients in authors.items()}


@given(authors)
def test_equal_authors_are_equal_bytes(authors: dict[str, set[int]]) -> None:
    assert encode_authors(dict(reversed(authors.items()))) == encode_authors(authors)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[",
        b"[1]",
        b'[["a",3]]',
        b'[["a",[2,1]]]',
        b'[["b",[]],["a",[]]]',
        b'[ ["a",[1]]]',
        b"\xff",
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not authors"):
        decode_authors(data)
