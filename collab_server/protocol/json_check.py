"""Whether `JSON.parse` of a browser takes a text; nothing is built of it that outlives the question.

Owns the grammar of ECMA-404 and the bound on nesting. What is relayed is the text that came, and every client
parses it: one bad text in an update or an awareness frame would lose all that came with it.
"""

from __future__ import annotations

import re
from json import JSONDecoder
from typing import NoReturn


class NotJson(ValueError):
    """A browser's `JSON.parse` would throw on the text."""


class TooDeep(ValueError):
    """The text is JSON as far as it was read, and nested over the limit."""


_COMMON = frozenset(("null", "true", "false", '""', "{}", "1"))
#: Python's decoder is ten times as fast as the walk, but builds up to 21 bytes for each that it reads.
_SHORT = 65_536


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


# Numbers become bools: int() refuses 4,300 digits, and nobody reads them.
_decode = JSONDecoder(parse_int=bool, parse_float=bool, parse_constant=_refuse).raw_decode


def check_json(text: str, max_depth: int) -> None:
    """Raise NotJson or TooDeep unless `JSON.parse(text)` succeeds with a value at most `max_depth` deep."""
    if text in _COMMON:
        return
    if len(text) <= _SHORT and text.count("[") + text.count("{") <= max_depth:
        try:
            if _decode(text)[1] == len(text):
                return
        except ValueError:
            # White space at either end is JSON too; the walk decides.
            pass
    _walk(text, max_depth)


_WS = r"[ \t\n\r]*+"
_TEXT = r'"[^"\\\x00-\x1f]*+'
_NUMBER = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_FLAT = rf'(?:{_NUMBER}|true|false|null|{_TEXT}")'
_KEY = rf'{_TEXT}"{_WS}:'
# Group 1 ends what it stands in, 2 goes one deeper or on to the next, 3 is a text with an escape in it.
# Nothing is repeated more than 64 times at once: a repeated group costs memory for each time round.
_VALUE = re.compile(rf"{_WS}(?:({_FLAT})|([\[{{])|({_TEXT}))")
_FIRST = {
    "[": re.compile(rf"{_WS}(?:(\])|())"),
    "{": re.compile(rf"{_WS}(?:(\}})|({_KEY})|({_TEXT}))"),
}
_NEXT = {
    "[": re.compile(rf"(?:{_WS},{_WS}{_FLAT}){{0,64}}{_WS}(?:(\])|(,))"),
    "{": re.compile(
        rf"(?:{_WS},{_WS}{_KEY}{_WS}{_FLAT}){{0,64}}{_WS}(?:(\}})|(,{_WS}{_KEY})|(,{_WS}{_TEXT}))"
    ),
}
_ESCAPES = re.compile(r'(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+){1,64}')
_COLON = re.compile(rf"{_WS}(:)")
_BLANK = re.compile(_WS)
_ENDS, _GOES_ON, _ESCAPED = 1, 2, 3


def _walk(text: str, max_depth: int) -> None:
    """The same question in constant memory, a few values at a time."""
    inside: list[str] = []
    pos = 0
    while True:
        kind, pos = _match(_VALUE, text, pos)
        if kind == _ESCAPED:
            pos = _text_end(text, pos)
        elif kind == _GOES_ON:
            if len(inside) == max_depth:
                raise TooDeep(f"JSON is nested deeper than {max_depth}")
            inside.append(text[pos - 1])
            kind, pos = _key(_FIRST[inside[-1]], text, pos)
            if kind != _ENDS:
                continue
            inside.pop()
        while inside:
            kind, pos = _key(_NEXT[inside[-1]], text, pos)
            if kind != _ENDS:
                break
            inside.pop()
        else:
            break
    if _BLANK.fullmatch(text, pos) is None:
        raise _not_json()


def _match(pattern: re.Pattern[str], text: str, pos: int) -> tuple[int, int]:
    """Which group matched, and the position after it."""
    found = pattern.match(text, pos)
    if found is None or found.lastindex is None:
        raise _not_json()
    return found.lastindex, found.end()


def _key(pattern: re.Pattern[str], text: str, pos: int) -> tuple[int, int]:
    """`_match` where a key may follow, read to its colon."""
    kind, pos = _match(pattern, text, pos)
    if kind == _ESCAPED:
        _, pos = _match(_COLON, text, _text_end(text, pos))
    return kind, pos


def _text_end(text: str, pos: int) -> int:
    """Position after the text whose first plain part ends at `pos`."""
    while not text.startswith('"', pos):
        escapes = _ESCAPES.match(text, pos)
        if escapes is None:
            raise _not_json()
        pos = escapes.end()
    return pos + 1


def _not_json() -> NotJson:
    return NotJson("a text is not JSON")
