from __future__ import annotations

import pytest
from collab_storage import decode_authors

from collab_server.runtime.authors import encode_authors


@pytest.mark.parametrize(
    "authors", [{"ann": {1}}, {"ann": set()}, {"ann": {1, 2}}, {"ann": {1}, "bob": {2}}, {}]
)
def test_they_are_read_back(authors: dict[str, set[int]]) -> None:
    assert {
        user: set(clients) for user, clients in decode_authors(encode_authors(authors)).items()
    } == authors


def test_who_writes_on_and_on_is_encoded_once() -> None:
    assert encode_authors({"ann": {7}}) is encode_authors({"ann": {7}})
