"""Whether JSON.parse of a browser would take a text: stricter than Python's reader where they differ.

Owns that one question. What is relayed is always the text that came, never a value written again.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

MAX_DEPTH = 64

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def parse(text: str, max_depth: int = MAX_DEPTH) -> Any:
    """The value of a JSON text, numbers left as 0 because nobody here reads them.

    Raises ValueError if JSON.parse would refuse it or it is nested deeper than `max_depth`.
    """
    if _deeper_than(text, max_depth):
        raise ValueError(f"nested deeper than {max_depth}")
    return json.loads(text, parse_constant=_refuse, parse_int=_zero, parse_float=_zero)


def _deeper_than(text: str, limit: int) -> bool:
    # The number of opening brackets bounds the depth; counting is one pass in C and nearly always enough.
    if text.count("[") + text.count("{") <= limit:
        return False
    depth = 0
    for mark in _STRING.sub("", text):
        if mark in "[{":
            depth += 1
            if depth > limit:
                return True
        elif mark in "]}":
            depth -= 1
    return False


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _zero(_number: str) -> int:
    # int() refuses 4,300 digits and float() costs time; neither value is wanted.
    return 0
