from __future__ import annotations

from typing import Any

import pytest

from collab_server.engine.job import NotLoadable
from collab_server.engine.plain import MAX_DEPTH, MAX_MEMBERS
from collab_server.engine.preview import describe
from tests.support.update_bytes import (
    ANY,
    EMBED,
    JSON,
    TYPE,
    item,
    one,
    section,
    sized,
    string,
    texts,
    update,
    values,
)
from tests.unit.engine import documents
from tests.unit.engine.documents import TRUE


def _roots(*updates: bytes) -> dict[str, Any]:
    roots: Any = describe(list(updates))["roots"]
    return {root.pop("name"): root for root in roots}


def test_every_kind_of_content_has_a_form() -> None:
    assert _roots(documents.EVERYTHING) == {
        "text": {"type": "text", "content": "héllo 😀"},
        "rich": {
            "type": "text",
            "content": {
                "$delta": [
                    {"insert": "fat", "attributes": {"bold": True}},
                    {"insert": {"image": "a.png"}},
                ]
            },
        },
        "array": {
            "type": "array",
            "content": [
                None,
                None,
                True,
                False,
                42,
                0.5,
                {"$number": "NaN"},
                {"$number": "Infinity"},
                {"$number": "-Infinity"},
                5,
                "text",
                {"$bytes": "AP8="},
                [True, {"a": True}],
                {"$bytes": "AQ=="},
            ],
        },
        "map": {
            "type": "map",
            "content": {
                "document": {"$document": "guid"},
                "array": [True],
                "map": {"k": True},
                "text": "nested",
            },
        },
        "xml": {
            "type": "fragment",
            "content": [{"tag": "p", "attributes": {"class": "title"}, "children": ["in a paragraph"]}],
        },
        "gone": {"type": "empty", "content": None},
        "both": {"type": "text", "content": "and text", "entries": {"k": True}},
    }


def test_what_a_document_is_made_of() -> None:
    updates = [one(string("a"), client=7), one(string("b", origin=(7, 0)), client=3)]
    shown = describe(updates)
    assert shown["clients"] == [3, 7]
    assert (shown["records"], shown["size_bytes"]) == (2, sum(map(len, updates)))
    assert shown["complete"] is True


def test_a_document_without_updates() -> None:
    assert describe([]) == {"records": 0, "size_bytes": 0, "clients": [], "complete": True, "roots": []}


def test_what_lacks_something_is_not_passed_off_as_whole() -> None:
    assert describe([one(string("b", origin=(7, 0)))])["complete"] is False


def test_an_array_is_shown_up_to_a_bound() -> None:
    many = one(item(ANY, values(*[TRUE] * (MAX_MEMBERS + 5))))
    content = _roots(many)["t"]["content"]
    assert len(content) == MAX_MEMBERS + 1
    assert content[-1] == {"$more": 5}


def test_types_in_types_are_shown_up_to_a_bound() -> None:
    content = _roots(*documents.maps_in_maps(2 * MAX_DEPTH)[:-1])["m"]["content"]
    depth = 0
    while "k" in content:
        content, depth = content["k"], depth + 1
    assert content == {"$deeper": "map"}
    assert depth == MAX_DEPTH + 1


@pytest.mark.parametrize(
    "data",
    [
        documents.VALUES_30_000_DEEP,
        documents.VALUES_20_000_DEEP,
        documents.EMPTY_SECTION,
        documents.CLOCK_2_32,
        documents.TEXT_AT_CLOCK_2_32,
    ],
)
def test_what_breaks_yrs_is_refused_before_it_gets_there(data: bytes) -> None:
    with pytest.raises(NotLoadable, match="update 2 of 2"):
        describe([documents.HONEST, data])


@pytest.mark.parametrize(
    "struct",
    [
        item(EMBED, sized('"\\ud83d SECRET"')),
        item(EMBED, sized("12345678901234567890")),
        item(JSON, texts("1", "undefined")),
        item(TYPE, b"\x05" + sized("hook")),
    ],
)
def test_what_yrs_does_not_take_is_refused_without_quoting_it(struct: bytes) -> None:
    with pytest.raises(NotLoadable, match=r"^update 1 of 1: Cannot decode update: [a-zA-Z ,(]+$") as caught:
        describe([update(section(1, 0, struct, string("after", root="other")))])
    assert "SECRET" not in str(caught.value)
