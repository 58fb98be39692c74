"""Updates and state vectors that have broken clients, servers or libraries, each with what we do about it.

The corpus for every way in: step 1, step 2, update; from a writer, a reader, and before authentication.
F-numbers are those of the design's table of threats; cases without one were found while this server was
written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tests.support.update_bytes import (
    ANY,
    BINARY,
    DELETED,
    DOCUMENT,
    EMBED,
    FORMAT,
    JSON,
    STRING,
    TYPE,
    deletions,
    entries,
    gc,
    item,
    one,
    section,
    sized,
    skip,
    state_vector,
    string,
    texts,
    uint,
    update,
    values,
)

#: "accepted" means that the scanner takes it: what it does to a document is bounded by the index.
Expected = Literal["malformed", "unknown_content", "too_large", "accepted"]


@dataclass(frozen=True, slots=True)
class Poison:
    """`kind` says where `data` belongs: in a step 2 or update, or in a step 1."""

    name: str
    kind: Literal["update", "state_vector"]
    data: bytes
    expected: Expected


def _update(name: str, data: bytes, expected: Expected = "malformed") -> Poison:
    return Poison(name, "update", data, expected)


def _vector(name: str, data: bytes, expected: Expected = "malformed") -> Poison:
    return Poison(name, "state_vector", data, expected)


_BAD_UTF8 = bytes.fromhex("fffe616263")
_NULL = b"\x7e"
_MANY = uint(1 << 27)
_OVER_CLIENT = uint((1 << 63) + 5)


def _nested(depth: int) -> bytes:
    """The design's F4: a struct of content 8 in root "m", arrays in arrays."""
    return bytes.fromhex("010101000801016d01") + b"\x75\x01" * depth + b"\x7e\x00"


def _document(options: bytes) -> bytes:
    return one(item(DOCUMENT, sized("guid") + options, root="m", key="k"))


_COUNTS = [
    _vector("F1 state vector of 2^32 - 1 clients", bytes.fromhex("ffffffff0f")),
    _vector("F2 state vector of 2^27 clients", _MANY),
    _update("F2 2^27 sections", _MANY),
    _update("F2 2^27 structs", b"\x01" + _MANY + b"\x01\x00"),
    _update("F2 2^27 values of content 8", one(item(ANY, _MANY))),
    _update("F2 2^27 texts of content 2", one(item(JSON, _MANY))),
    _update("F2 an array of 2^27", one(item(ANY, b"\x01\x75" + _MANY))),
    _update("F2 an object of 2^27", one(item(ANY, b"\x01\x76" + _MANY))),
    _update("F2 a string of 2^27 bytes", one(item(STRING, _MANY + b"a"))),
    _update("F2 2^27 clients with deletions", b"\x00" + _MANY),
    _update("F2 2^27 deletions", b"\x00\x01\x01" + _MANY),
]

_TEXT = [
    _update("F3 no UTF-8 in a string", one(string(_BAD_UTF8))),
    _update("F3 no UTF-8 in the name of a root", one(string("a", root=_BAD_UTF8))),
    _update("F3 no UTF-8 in a key", one(item(ANY, values(_NULL), key=_BAD_UTF8))),
    _update("F3 no UTF-8 in a value", one(item(ANY, values(b"\x77" + sized(_BAD_UTF8))))),
    _update(
        "F3 no UTF-8 in the key of a value", one(item(ANY, values(b"\x76\x01" + sized(_BAD_UTF8) + _NULL)))
    ),
    _update("F3 no UTF-8 in an embed", one(item(EMBED, sized(b'"' + _BAD_UTF8 + b'"')))),
    _update("F3 no UTF-8 in the name of an element", one(item(TYPE, b"\x03" + sized(_BAD_UTF8)))),
    _update("F3 a surrogate in UTF-8", one(string(b"\xed\xa0\xbd"))),
    _update("F3 an overlong zero", one(string(b"\xc0\x80"))),
    _update("F3 above the last character", one(string(b"\xf4\x90\x80\x80"))),
]

_NESTING = [
    _update("F4 values nested 30,000 deep", _nested(30_000), "too_large"),
    _update("F5 values nested 20,000 deep", _nested(20_000), "too_large"),
    _update("F4 values nested 65 deep", _nested(65), "too_large"),
    _update("F4 values nested 64 deep", _nested(64), "accepted"),
    _update("F4 JSON nested 30,000 deep", one(item(EMBED, sized("[" * 30_000 + "]" * 30_000))), "too_large"),
    _update("F4 JSON nested 64 deep", one(item(EMBED, sized("[" * 64 + "]" * 64))), "accepted"),
]

_SHAPE = [
    _update("F7 a section without structs", bytes.fromhex("0100010000")),
    _update("F7 a string without length", one(string(""))),
    _update("F7 no deleted clocks", one(item(DELETED, uint(0)))),
    _update("F7 no garbage", one(gc(0))),
    _update("F7 no values", one(item(ANY, uint(0)))),
    _update("F7 no texts", one(item(JSON, uint(0)))),
    _update("F8 a clock of 2^32 - 1", bytes.fromhex("010102ffffffff0f04010174016100")),
    _update("F9 a text at a clock of 2^32 - 1", bytes.fromhex("010102ffffffff0f0401017406776f726c642100")),
    _update("F8 garbage up to 2^31", one(gc(1 << 31))),
    _update("F8 a gap up to 2^31", update(section(1, 0, skip(1 << 31), string("a")))),
    _update("F8 an origin at 2^31", one(string("a", origin=(2, 1 << 31)))),
    # Yjs makes such a struct a deleted one. The two may come in two updates, and are spliced into one later.
    _update(
        "F10 a good block and one whose parent is a string",
        update(section(1, 0, string("a"), item(STRING, sized("b"), parent=(1, 0)))),
        "accepted",
    ),
    _update(
        "F10 a good block and one whose parent is itself",
        update(section(1, 0, string("a"), item(STRING, sized("b"), parent=(1, 1)))),
    ),
    _update("F11 a client twice", update(section(1, 0, string("a")), section(1, 0, string("b")))),
    _update("F11 a client's deletions twice", b"\x00\x02" + 2 * deletions({1: [(0, 1)]})[1:]),
    _vector("F11 a client twice", b"\x02\x01\x01\x01\x02"),
    _update("F12 an edit that depends on an unseen client", one(string("a", origin=(9, 4))), "accepted"),
    _update("F13 garbage for a victim's next clocks", one(gc(5), client=7), "accepted"),
    _update("F14 deletes all that a victim will write", update(deletes={7: [(0, 1 << 31)]}), "accepted"),
    _update("F15 200 kB of ff", b"\xff" * 200_000),
    _vector("F15 200 kB of ff", b"\xff" * 200_000),
    _update("F15 an integer of eleven bytes", b"\x80" * 10 + b"\x00"),
]

_INTEGERS = [
    _update("F22 client id 2^63 + 5", b"\x01\x01" + _OVER_CLIENT + b"\x00" + string("a") + b"\x00"),
    _update("F22 client id 2^53", one(string("a"), client=1 << 53)),
    _update("F22 an origin of client 2^53", one(string("a", origin=(1 << 53, 0)))),
    _update("F22 deletions of client 2^53", update(deletes={1 << 53: [(0, 1)]})),
    _vector("F22 client id 2^63 + 5", b"\x01" + _OVER_CLIENT + b"\x01"),
    _update("a number above 2^53 - 1", one(item(ANY, b"\x01\x7d" + b"\xff" * 8 + b"\x01"))),
]

_ENDS = [
    _update("F23 a byte after the update", one(string("a")) + b"\x00"),
    _update("F23 an update cut off", one(string("abc"))[:-3]),
    _update("F23 a string longer than the rest", one(item(STRING, uint(9) + b"a"))),
    _update("F23 bytes longer than the rest", one(item(BINARY, uint(9) + b"a"))),
    _update("F23 nothing at all", b""),
    # Yjs: `encodeStateAsUpdateV2` of a text "a" by client 1.
    _update("F23 an update in encoding v2", bytes.fromhex("00000101000001040502746141000101000001010000")),
    _vector("F23 a byte after the state vector", state_vector({1: 1}) + b"\x00"),
    _vector("F23 a state vector cut off", state_vector({1: 300})[:-1]),
    _vector("F23 nothing at all", b""),
]

_FORWARD = [
    _update("F24 its own origin", one(string("a", origin=(1, 0)))),
    _update("F24 an origin ahead", one(string("a", origin=(1, 7)))),
    _update("F24 its own right origin", one(string("a", right=(1, 0)))),
    _update("F24 its own parent", one(item(TYPE, b"\x00", parent=(1, 0)))),
    _update("F24 a parent ahead", one(item(TYPE, b"\x00", parent=(1, 3)))),
    _update(
        "F24 two structs that name each other",
        update(section(2, 0, string("a", origin=(1, 0))), section(1, 0, string("b", origin=(2, 0)))),
        "accepted",
    ),
]

_NO_JSON = [
    "",
    "{",
    "nul",
    "NaN",
    "Infinity",
    "-Infinity",
    "'a'",
    "01",
    "1.",
    "+1",
    "[1,]",
    '{"a":1,}',
    '"\n"',
]
_NO_JSON += ['"\\x"', '"\\u12"', "\ufeff1", "\u00a01", "1 2", "{1:1}", "[", "]", '"', "undefined "]

_CONTENT = [
    *[_update(f"F24 an embed of {text!r}", one(item(EMBED, sized(text)))) for text in _NO_JSON],
    *[_update(f"F24 a format of {text!r}", one(item(FORMAT, sized("b") + sized(text)))) for text in _NO_JSON],
    *[_update(f"F24 content 2 of {text!r}", one(item(JSON, texts(text)))) for text in _NO_JSON],
    _update("F24 an embed of undefined", one(item(EMBED, sized("undefined")))),
    _update("content 2 of undefined", one(item(JSON, texts("undefined"))), "accepted"),
    _update("an embed of half a pair, escaped", one(item(EMBED, sized('"\\ud83d"'))), "accepted"),
    _update("F24 content 11", one(item(11, b"")), "unknown_content"),
    _update("F24 content 31", one(item(31, b"")), "unknown_content"),
    _update("F24 type 7", one(item(TYPE, b"\x07")), "unknown_content"),
    _update("F24 garbage with a flag", one(b"\x20\x01")),
    _update("F24 garbage with an origin", one(item(0, b"\x01", origin=(2, 0)))),
    _update("F24 a gap with a flag", one(item(10, b"\x01", flags=0x20))),
    _update("a parent that is neither root nor struct", one(b"\x04\x02\x01t\x01a")),
    _update("a value that is none", one(item(ANY, b"\x01\x73"))),
    # Yjs reads `shouldLoad` of what stands there, and lets its fields replace those of the new document.
    _update("a document whose options are null", _document(_NULL)),
    _update("a document whose options are undefined", _document(b"\x7f")),
    _update("a document that brings a guid", _document(entries([("guid", _NULL)]))),
    _update("a document that brings a filter", _document(entries([("gcFilter", _NULL)]))),
    _update("a document as Yjs writes it", _document(entries([("autoLoad", b"\x78")])), "accepted"),
    # lib0 assigns the key; `instanceof Uint8Array` then holds, and encoding the document throws for ever.
    _update("bytes for a prototype", one(item(ANY, values(entries([("__proto__", b"\x74\x00")]))))),
    _update("null for a prototype", one(item(ANY, values(entries([("__proto__", _NULL)])))), "accepted"),
]

_LIMITS = [
    _update("20,001 structs", update(section(1, 0, *[gc(1)] * 20_001)), "too_large"),
    _update("1,001 clients", update(*[section(client, 0, gc(1)) for client in range(1_001)]), "too_large"),
    _update("20,001 deletions", update(deletes={1: [(clock, 1) for clock in range(20_001)]}), "too_large"),
    _update("1,001 deleters", update(deletes={client: [(0, 1)] for client in range(1_001)}), "too_large"),
]

POISON: list[Poison] = [
    *_COUNTS,
    *_TEXT,
    *_NESTING,
    *_SHAPE,
    *_INTEGERS,
    *_ENDS,
    *_FORWARD,
    *_CONTENT,
    *_LIMITS,
]
