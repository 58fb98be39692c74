import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_server.protocol import json_text

VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(VALUES, st.booleans())
def test_json_is_taken(value: object, escaped: bool) -> None:
    json_text.parse(json.dumps(value, ensure_ascii=escaped))


@pytest.mark.parametrize(
    "text",
    [
        *["", "NaN", "[Infinity]", "-Infinity", "{'a':1}", "[1,]", '{"a":1,}', "01", "1.", ".5", "+1"],
        *['"\x01"', "\ufeff1", "nul", '"a', "[1]x", "\x0b1"],
    ],
)
def test_what_a_browser_would_not_parse_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        json_text.parse(text)


@pytest.mark.parametrize("text", ["9" * 10_000, "1e999", '"\\ud800"', " \t\r\n1 ", "-0"])
def test_what_a_browser_parses_is_taken(text: str) -> None:
    json_text.parse(text)


def test_nesting_is_bounded_and_brackets_in_strings_do_not_count() -> None:
    json_text.parse("[" * 64 + "]" * 64)
    with pytest.raises(ValueError, match="nested"):
        json_text.parse("[" * 65 + "]" * 65)
    with pytest.raises(ValueError, match="nested"):
        json_text.parse("[" * 100_000)
    json_text.parse(json.dumps(["[{" * 500, '"[{' * 500, "\\[" * 500]))
    json_text.parse(json.dumps([[]] * 500))
