from __future__ import annotations

import time

import pytest

from collab_server.observability.redaction import MAX_TEXT, redact, redact_text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("GET /room?token=abc&x=1", "GET /room?token=***&x=1"),
        ("GET /room?x=1&access_token=abc.def", "GET /room?x=1&access_token=***"),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("Authorization: Basic dTpw", "Authorization: ***"),
        ("sent Bearer abc.def, then left", "sent ***, then left"),
        ('{"token": "abc", "op": "renew"}', '{"token": "***", "op": "renew"}'),
        ("{'client_secret': 'abc'}", "{'client_secret': '***'}"),
        ("Cookie: session=abc", "Cookie: ***"),
        ("password=hunter2", "password=***"),
        ("of eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.sig here", "of *** here"),
        ("ValueError: token=abc", "ValueError: token=***"),
        ("path: /room?token=abc", "path: /room?token=***"),
        ("authors=3 room=a/b", "authors=3 room=a/b"),
        ("http://127.0.0.1:1234/?room=notes", "http://127.0.0.1:1234/?room=notes"),
    ],
)
def test_secrets_in_texts(text: str, clean: str) -> None:
    assert redact_text(text) == clean


@pytest.mark.parametrize(
    "key", ["token", "access_token", "Authorization", "secret", "client-secret", "password", "cookie"]
)
def test_secret_fields(key: str) -> None:
    assert redact(None, "info", {key: "abc"}) == {key: "***"}


def test_counts_are_no_secrets() -> None:
    assert redact(None, "info", {"tokens_refused": 3}) == {"tokens_refused": 3}


def test_content_is_shown_by_its_length() -> None:
    line = redact(None, "info", {"update": b"\x01\x02", "frames": [bytearray(3), memoryview(b"1234")]})
    assert line == {"update": "<2 bytes>", "frames": ["<3 bytes>", "<4 bytes>"]}


def test_secrets_inside_other_values() -> None:
    line = redact(
        None, "info", {"headers": {"Authorization": "x", "Host": "h"}, "error": ValueError("token=abc")}
    )
    assert line == {"headers": {"Authorization": "***", "Host": "h"}, "error": "token=***"}


def test_values_that_contain_themselves_end() -> None:
    loop: dict[str, object] = {}
    loop["again"] = loop
    assert "…" in str(redact(None, "info", {"loop": loop}))


def test_long_texts_lose_their_middle() -> None:
    text = redact_text("beginning " + "middle " * 5000 + "end")
    assert text.startswith("beginning middle")
    assert "characters left out) middle" in text
    assert text.endswith("middle end")
    assert len(text) < MAX_TEXT + 100


def test_a_secret_at_the_cut_leaves_no_rest() -> None:
    text = redact_text("x" * 20_000 + " token=" + "s" * 8_000 + " end")
    assert "ssss" not in text
    assert text.endswith(" end")


@pytest.mark.parametrize(
    "text", ["token" * 100_000, "a-" * 100_000, "a " * 100_000, "a=" * 100_000, " " * 100_000]
)
def test_no_text_takes_long(text: str) -> None:
    start = time.perf_counter()
    redact_text(text)
    assert time.perf_counter() - start < 0.5
