"""The contents of a struct except strings: how long each is and where it ends.

Owns what Yjs would throw on when it reads a content; knows nothing of references and clocks.
Source: Yjs `structs/Content*.js`.
"""

from __future__ import annotations

from collections.abc import Callable

from collab_server.protocol.json_check import NotJson, TooDeep, check_json
from collab_server.updates.refusal import malformed, too_large, unknown_content
from collab_server.updates.text import read_text, skip_text
from collab_server.updates.values import OBJECT, skip_values
from collab_server.updates.varint import read_varint

GC, DELETED, JSON, BINARY, STRING, EMBED, FORMAT, TYPE, ANY, DOCUMENT, SKIP = range(11)

_TYPES = 7
_XML_ELEMENT, _XML_HOOK = 3, 5
#: Yjs spreads these options over those of its `Doc`: a guid that is no string or a filter that is no function
#: would make every client throw when it encodes or collects.
_FORBIDDEN_OPTIONS = frozenset(("guid", "gcFilter"))

#: (data, position, deepest nesting) → (length, position after the content, which may be past the end)
Reader = Callable[[bytes, int, int], tuple[int, int]]


def _deleted(data: bytes, pos: int, max_depth: int) -> tuple[int, int]:
    return read_varint(data, pos)


def _json(data: bytes, pos: int, max_depth: int) -> tuple[int, int]:
    length, pos = read_varint(data, pos)
    if length > len(data) - pos:
        raise malformed("more values than bytes")
    for _ in range(length):
        text, pos = read_text(data, pos)
        if text != "undefined":
            _check(text, max_depth)
    return length, pos


def _check(text: str, max_depth: int) -> None:
    try:
        check_json(text, max_depth)
    except NotJson as error:
        raise malformed(str(error)) from None
    except TooDeep as error:
        raise too_large(str(error)) from None


def _binary(data: bytes, pos: int, max_depth: int) -> tuple[int, int]:
    size, pos = read_varint(data, pos)
    return 1, pos + size


def _embed(data: bytes, pos: int, max_depth: int) -> tuple[int, int]:
    text, pos = read_text(data, pos)
    _check(text, max_depth)
    return 1, pos


def _format(data: bytes, pos: int, max_depth: int) -> tuple[int, int]:
    return _embed(data, skip_text(data, pos), max_depth)


def _type(data: bytes, pos: int, max_depth: int) -> tuple[int, int]:
    ref, pos = read_varint(data, pos)
    if ref >= _TYPES:
        raise unknown_content(f"there is no type {ref} in Yjs 13")
    if ref in (_XML_ELEMENT, _XML_HOOK):
        pos = skip_text(data, pos)
    return 1, pos


def _any(data: bytes, pos: int, max_depth: int) -> tuple[int, int]:
    length, pos = read_varint(data, pos)
    if length > len(data) - pos:
        raise malformed("more values than bytes")
    return length, skip_values(data, pos, length, max_depth)


def _document(data: bytes, pos: int, max_depth: int) -> tuple[int, int]:
    pos = skip_text(data, pos)
    if data[pos] != OBJECT:
        raise malformed("the options of a document are no object")
    end = skip_values(data, pos, 1, max_depth)
    _check_options(data, pos + 1, max_depth)
    return 1, end


def _check_options(data: bytes, pos: int, max_depth: int) -> None:
    """Look at the keys of an object that was already checked; `pos` is after its tag."""
    count, pos = read_varint(data, pos)
    for _ in range(count):
        key, pos = read_text(data, pos)
        if key in _FORBIDDEN_OPTIONS:
            raise malformed(f"a document has the option {key}")
        pos = skip_values(data, pos, 1, max_depth)


#: Content number → reader. Strings are read by the scanner itself.
READERS: dict[int, Reader] = {
    DELETED: _deleted,
    JSON: _json,
    BINARY: _binary,
    EMBED: _embed,
    FORMAT: _format,
    TYPE: _type,
    ANY: _any,
    DOCUMENT: _document,
}
