"""Each content: its length, its end, and what Yjs would throw on."""

from __future__ import annotations

import pytest

from collab_server.errors import InvalidUpdate, RefusalReason
from collab_server.updates.content import READERS
from tests.support.update_bytes import (
    ANY,
    BINARY,
    DELETED,
    DOCUMENT,
    EMBED,
    FORMAT,
    JSON,
    TYPE,
    entries,
    sized,
    texts,
    uint,
    values,
)

HONEST = [
    (DELETED, uint(7), 7),
    (JSON, texts("1", "undefined", '{"a":[null]}', '"\\ud800"'), 4),
    (BINARY, sized(b"\x00\xff" * 100), 1),
    (BINARY, sized(b""), 1),
    (EMBED, sized('{"image":"x.png"}'), 1),
    (FORMAT, sized("bold") + sized("true"), 1),
    (FORMAT, sized("ключ") + sized('{"href":"http://ä"}'), 1),
    *[(TYPE, uint(ref), 1) for ref in (0, 1, 2, 4, 6)],
    *[(TYPE, uint(ref) + sized("paragraph"), 1) for ref in (3, 5)],
    (ANY, values(b"\x7e", b"\x77" + sized("😀"), b"\x75\x00"), 3),
    (DOCUMENT, sized("guid") + entries([]), 1),
    (DOCUMENT, sized("guid") + entries([("meta", entries([("guid", b"\x7e")])), ("gc", b"\x79")]), 1),
]
BAD = [
    (JSON, texts("1", "NaN")),
    (EMBED, sized("undefined")),
    (FORMAT, sized("bold") + sized("undefined")),
    (DOCUMENT, sized("guid") + b"\x7e"),
    (DOCUMENT, sized("guid") + b"\x7f"),
    (DOCUMENT, sized("guid") + b"\x75\x00"),
    (DOCUMENT, sized("guid") + entries([("a", b"\x75\x01\x7e"), ("guid", b"\x77\x01g")])),
    (DOCUMENT, sized("guid") + entries([("gcFilter", b"\x78")])),
]


@pytest.mark.parametrize(("kind", "content", "length"), HONEST)
def test_length_and_end(kind: int, content: bytes, length: int) -> None:
    assert READERS[kind](b"?" + content + b"rest", 1, 64) == (length, 1 + len(content))


@pytest.mark.parametrize(("kind", "content"), BAD)
def test_what_yjs_throws_on(kind: int, content: bytes) -> None:
    with pytest.raises(InvalidUpdate) as error:
        READERS[kind](content, 0, 64)
    assert error.value.reason is RefusalReason.MALFORMED


@pytest.mark.parametrize("ref", [7, 8, 9, 15, 1 << 40])
def test_types_of_other_implementations(ref: int) -> None:
    with pytest.raises(InvalidUpdate) as error:
        READERS[TYPE](uint(ref), 0, 64)
    assert error.value.reason is RefusalReason.UNKNOWN_CONTENT
