"""Text of strangers on a terminal: control characters are shown, never sent.

Owns which characters those are.
"""

from __future__ import annotations

import unicodedata

#: Characters that turn the direction of writing around.
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    """Text without what a terminal would obey: escape sequences, overwriting, writing backwards."""
    return "".join(f"\\u{ord(character):04x}" if _is_obeyed(character) else character for character in text)


def _is_obeyed(character: str) -> bool:
    if character in "\n\t":
        return False
    return unicodedata.category(character) == "Cc" or character in _DIRECTIONS
