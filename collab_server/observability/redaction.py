"""Keeps tokens and content out of log lines, whoever wrote them.

A structlog processor over the finished line: our own fields, messages of other libraries, tracebacks.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "***"

#: Longer texts lose their middle, so that nobody fills the log through an error message.
MAX_TEXT = 16_384
_KEPT_AT_END = 6_000

_MAX_DEPTH = 6
_PART = r"token|secret|passw|api[_-]?key|jwt|cookie"
_SECRET_NAME = re.compile(rf"{_PART}|^authorization$|^auth$", re.IGNORECASE)

# Without one of these no pattern below can match. Nearly all texts are short and hold none: looking for them
# first took redaction from 42 to 5 µs for the line of a session that opens.
_SIGNS = ("token", "secret", "passw", "key", "jwt", "cookie", "auth", "bearer", "eyj")

# name=value, name: value and "name": "value", up to whatever ends a value in a URL, header or JSON.
# A match begins at a word's start and gives nothing back, hence it is linear: clients choose parts of texts.
_PAIR = re.compile(
    rf"(?<![\w-])(?=[\w-]*(?:{_PART})|auth(?:orization)?\b)"
    r"(?P<name>[\w-]++[\"']?\s*+[=:]\s*+[\"']?+)(?:(?:bearer|basic)\s++)?[^\s&;,\"'#})\]]++",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(r"\bbearer\s++[^\s\"',;]++|\beyJ[\w-]++\.[\w-]++\.[\w-]*+", re.IGNORECASE)


def redact(_logger: object, _method: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """The same line with secrets as `***` and bytes as their length."""
    return {key: _clean(key, value, 0) for key, value in event.items()}


def redact_text(text: str) -> str:
    """`text` without the values of secret-looking names, bearer tokens and JWTs, cut at `MAX_TEXT`."""
    if len(text) > MAX_TEXT:
        text = _cut(text)
    lowered = text.lower()
    for sign in _SIGNS:
        if sign in lowered:
            return _SECRET_VALUE.sub(HIDDEN, _PAIR.sub(rf"\g<name>{HIDDEN}", text))
    return text


def _cut(text: str) -> str:
    """Beginning and end, the latter from a word's start, lest half a secret go unrecognised."""
    head, tail = text[: MAX_TEXT - _KEPT_AT_END], text[-_KEPT_AT_END:]
    _, _, tail = tail.partition(" ")
    return f"{head}… ({len(text) - len(head) - len(tail)} characters left out) {tail}"


@functools.lru_cache(maxsize=1024)
def _is_secret(key: str) -> bool:
    return _SECRET_NAME.search(key) is not None


def _clean(key: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if _is_secret(key):
        return HIDDEN
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if depth >= _MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {str(name): _clean(str(name), item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", item, depth + 1) for item in value]
    return redact_text(str(value))
