"""Whether `JSON.parse` of a browser takes a text; nothing is built of it that outlives the question.

Owns the grammar of ECMA-404 and the bound on nesting. Every client parses contents 2, 5 and 6 before it
looks at the rest of an update, so one bad text would lose all that came with it.
"""

from __future__ import annotations

import re
from json import JSONDecoder
from typing import NoReturn

from collab_server.updates.refusal import malformed, too_large

_COMMON = frozenset(("null", "true", "false", '""', "{}", "1"))
#: Over this many characters the values that Python's decoder builds are not worth their memory.
_SHORT = 4_096


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


# Numbers become bools: int() refuses 4,300 digits, and nobody reads them.
_decode = JSONDecoder(parse_int=bool, parse_float=bool, parse_constant=_refuse).raw_decode


def check_json(text: str, max_depth: int) -> None:
    """Raise InvalidUpdate unless `JSON.parse(text)` succeeds with a value at most `max_depth` deep."""
    if text in _COMMON:
        return
    if len(text) <= _SHORT and text.count("[") + text.count("{") <= max_depth:
        try:
            if _decode(text)[1] == len(text):
                return
        except ValueError:
            # White space at either end is JSON too; the tokens decide.
            pass
    _Tokens(text, max_depth).check()


_TOKEN = re.compile(
    r"[ \t\n\r]*+(?:"
    r'("[^"\\\x00-\x1f]*+)'
    r"|(-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false|null)"
    r"|([\[{])|([\]}])|(,)|(:))"
)
# At most 64 escapes at a time: a repeated group costs memory for each time round.
_ESCAPES = re.compile(r'(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+){1,64}')
_BLANK = re.compile(r"[ \t\n\r]*+")

_STRING, _SCALAR, _OPEN, _CLOSE, _COMMA, _COLON = range(1, 7)
_VALUE, _FIRST_VALUE, _KEY, _FIRST_KEY, _BEFORE_COLON, _AFTER = range(6)

#: (state, token) → state, where no nesting is involved.
_PLAIN = {
    (_VALUE, _STRING): _AFTER,
    (_VALUE, _SCALAR): _AFTER,
    (_FIRST_VALUE, _STRING): _AFTER,
    (_FIRST_VALUE, _SCALAR): _AFTER,
    (_KEY, _STRING): _BEFORE_COLON,
    (_FIRST_KEY, _STRING): _BEFORE_COLON,
    (_BEFORE_COLON, _COLON): _VALUE,
}


class _Tokens:
    """The same question, token by token: slower, in constant memory, and exact."""

    def __init__(self, text: str, max_depth: int) -> None:
        self._text = text
        self._max_depth = max_depth
        self._open: list[str] = []

    def check(self) -> None:
        pos, state = 0, _VALUE
        while state != _AFTER or self._open:
            token = _TOKEN.match(self._text, pos)
            if token is None:
                raise _not_json()
            kind, pos = token.lastindex or 0, token.end()
            if kind == _STRING:
                pos = self._string_end(pos)
            after = _PLAIN.get((state, kind))
            state = self._nested(state, kind, self._text[pos - 1]) if after is None else after
        if _BLANK.fullmatch(self._text, pos) is None:
            raise _not_json()

    def _string_end(self, pos: int) -> int:
        """Position after the string whose first plain part ends at `pos`."""
        while not self._text.startswith('"', pos):
            escapes = _ESCAPES.match(self._text, pos)
            if escapes is None:
                raise _not_json()
            pos = escapes.end()
        return pos + 1

    def _nested(self, state: int, kind: int, mark: str) -> int:
        """The state after a bracket or a comma."""
        inside = self._open
        if kind == _OPEN and state in (_VALUE, _FIRST_VALUE):
            if len(inside) == self._max_depth:
                raise too_large(f"JSON is nested deeper than {self._max_depth}")
            inside.append(mark)
            return _FIRST_KEY if mark == "{" else _FIRST_VALUE
        if kind == _CLOSE and inside and state in (_AFTER, _FIRST_KEY if mark == "}" else _FIRST_VALUE):
            if inside.pop() + mark in ("{}", "[]"):
                return _AFTER
        elif kind == _COMMA and state == _AFTER:
            return _KEY if inside[-1] == "{" else _VALUE
        raise _not_json()


def _not_json() -> Exception:
    return malformed("a text is not JSON")
