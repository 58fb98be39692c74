"""Whether JSON.parse of a browser would take a text: stricter than Python's reader where they differ.

Owns that one question. What is relayed is always the text that came, never a value written again.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

MAX_DEPTH = 64

# A string that does not end takes the rest of the text, so that a text is passed over once.
_BRACKET_OR_STRING = re.compile(r'[\[{]|([\]}])|"(?:[^"\\]|\\.)*+"?', re.DOTALL)


def parse(text: str, max_depth: int = MAX_DEPTH) -> Any:
    """The value of a JSON text, numbers left as 0 because nobody here reads them.

    Raises ValueError if JSON.parse would refuse it or it is nested deeper than `max_depth`.
    """
    if _deeper_than(text, max_depth):
        raise ValueError(f"nested deeper than {max_depth}")
    return _decode(text)


def _deeper_than(text: str, limit: int) -> bool:
    # The number of opening brackets bounds the depth; counting is one pass in C and nearly always enough.
    if text.count("[") + text.count("{") <= limit:
        return False
    depth = 0
    for token in _BRACKET_OR_STRING.finditer(text):
        if token[1]:
            depth -= 1
        elif token[0][0] != '"':
            depth += 1
            if depth > limit:
                return True
    return False


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _zero(_number: str) -> int:
    # int() refuses 4,300 digits and float() costs time; neither value is wanted.
    return 0


_decode = json.JSONDecoder(parse_constant=_refuse, parse_int=_zero, parse_float=_zero).decode
