"""What JSON.parse takes, and nothing else."""

from __future__ import annotations

import json
import math
import tracemalloc
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collab_server.protocol.json_check import NotJson, TooDeep, check_json

# fmt: off
TAKEN = [
    "null", "true", "false", "0", "-0", "1", "-1.5e+10", "1E400", "0.0", '""', '"a"', '"\\u0000"',
    '"\\ud83d"', '"\\ud83d\\ude00"', '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\u2028\x7f\ufeff"', "[]", "{}",
    "[[],{}]", '{"a":1,"a":2}', '{"__proto__":null}', ' \t\r\n{ "a" : [ 1 , 2 ] } \n',
    '"' + "\\n" * 5_000 + '"', "9" * 10_000, "[" + "1," * 9_999 + "1]", '{"a":' * 64 + "1" + "}" * 64,
    "[" * 64 + "]" * 64, '"[[[[' + "[" * 100 + '"', "[" + "[]," * 100 + "[]]",
]
REFUSED = [
    "", " ", "nul", "nulll", "NULL", "True", "undefined", "NaN", "Infinity", "-Infinity", "-", "+1", "01",
    "-01", "1.", ".5", "1e", "1e+", "0x1", "1_0", "1n", "'a'", '"', '"a', '"\n"', '"\t"', '"\x00"',
    '"\x1f"', '"\\"', '"\\x41"', '"\\u12"', '"\\u00g0"', '"\\U0041"', "[", "]", "[1", "[1,", "[1,]",
    "[,1]", "[1 2]", "[1}", "{", "}", "{1:1}", '{"a"}', '{"a":}', '{"a":1', '{"a":1,', '{"a":1,}',
    '{"a" 1}', '{"a":1]', '{,"a":1}', "{a:1}", "1 2", "1,2", "{}{}", "[]]", "\ufeff1", "\u00a01",
    "\u20281", "1\x0b", "\x0c1", "/**/1", "1//", '"a" "b"', "[:1]", '{"a"::1}', "\u0661",
    '["' + "\\n" * 5_000, '"' + "a" * 5_000, "[" + "1," * 5_000 + "]", '{"a":1}' + " " * 66_000 + "x", "١",
]
# fmt: on


def _verdict(text: str) -> type[ValueError] | None:
    try:
        check_json(text, 64)
    except (NotJson, TooDeep) as error:
        return type(error)
    return None


@pytest.mark.parametrize("text", TAKEN)
def test_taken(text: str) -> None:
    assert _verdict(text) is None


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text: str) -> None:
    assert _verdict(text) is NotJson


@pytest.mark.parametrize("padding", ["", " " * 66_000])
@pytest.mark.parametrize("text", ["[" * 65 + "]" * 65, '{"a":' * 65 + "1" + "}" * 65, "[" * 100_000])
def test_too_deep(text: str, padding: str) -> None:
    assert _verdict(padding + text) is TooDeep


@pytest.mark.parametrize("text", TAKEN + REFUSED)
def test_both_ways_agree(text: str) -> None:
    """A long text is walked in constant memory, a short one goes through Python's decoder first."""
    assert _verdict(" " * 66_000 + text) == _verdict(text)


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
JSON_VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(JSON_VALUES, st.booleans(), st.sampled_from([None, 0, 2]))
def test_what_python_writes_is_taken(value: Any, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert _verdict(text) is None
    assert _verdict(text + " " * 66_000) is None


def _python_takes(text: str) -> bool:
    """Python's reader, where it differs from JSON.parse only in the constants."""
    try:
        value = json.loads(text, parse_int=float, parse_constant=lambda _: math.nan)
    except ValueError:
        return False
    return value is not math.nan and "NaN" not in text and "Infinity" not in text


@example('{"a":[1,2.5e-3,null]}')
@given(st.text(alphabet='{}[]",:\\ \nu0123456789.eE+-truefalsn\x00é', max_size=12))
def test_agrees_with_python_on_noise(text: str) -> None:
    taken = _python_takes(text)
    assert (_verdict(text) is None) == taken
    assert (_verdict(text + " " * 66_000) is None) == taken


@pytest.mark.parametrize(
    "text", ["[" + "[]," * 50_000 + "[]]", '"' + "\\n" * 100_000 + '"', "[" + "1," * 100_000 + "1]"]
)
def test_a_long_text_takes_no_memory(text: str) -> None:
    """Built as a value, 150 kB of empty lists would take three megabytes."""
    tracemalloc.start()
    try:
        check_json(text, 64)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100_000
