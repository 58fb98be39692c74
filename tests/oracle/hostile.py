"""Values that stand at the edges of the format: where parsers of numbers, JSON and `any` differ."""

from __future__ import annotations

# fmt: off
NUMBERS = (
    0, 1, 2, 3, 63, 64, 127, 128, 255, 2**14, 2**31 - 2, 2**31 - 1, 2**31, 2**32, 2**53 - 1, 2**53, 2**63 + 5,
)
#: Root names, keys, and texts that `JSON.parse` takes or refuses.
TEXTS = (
    "", "undefined", "null", "NaN", "Infinity", "-Infinity", "[", "{", "{}", "[]", "[1,]", "{'a':1}",
    '{"a":1,}', '"', "'a'", "01", "1.", ".5", "-0", "1e999", "1e", "+1", "0x1", "true", "True", "nul",
    '"\\ud800"', '"\\u12"', '"\\x41"', '"a\nb"', '"\t"', "\ufeff1", " 1 ", "1 2", "\u00a01", "\u0000",
    "[" * 63 + "]" * 63, "[" * 65 + "]" * 65, '{"__proto__":{"a":1}}', '{"type":"x","ychange":null}',
    "__proto__", "constructor", "text", "map", "xml", "honest", "marks", "length", "\ud800", "😀", "ychange",
    "toString", "hasOwnProperty",
)
#: Values of content 8 and options of content 9, right and wrong.
ANY = (
    b"\x7f", b"\x7e", b"\x7d\x40", b"\x7d\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x7c\x7f\x80\x00\x00",
    b"\x7b\x7f\xf0\x00\x00\x00\x00\x00\x00", b"\x7a" + b"\xff" * 8, b"\x79", b"\x78", b"\x77\x00",
    b"\x77\x01a", b"\x76\x00", b"\x75\x00", b"\x74\x00", b"\x75\x01" * 70 + b"\x7e", b"\x73",
    b"\x76\x01\x09__proto__\x7e", b"\x76\x01\x09__proto__\x76\x01\x01a\x7e", b"\x76\x01\x04guid\x7e",
    b"\x76\x01\x04guid\x77\x01g", b"\x76\x01\x02gc\x77\x01x", b"\x76\x01\x02gc\x79",
    b"\x76\x01\x08gcFilter\x7e", b"\x76\x01\x08gcFilter\x78", b"\x76\x01\x0ccollectionid\x7e",
    b"\x76\x01\x0ccollectionid\x75\x00", b"\x76\x01\x08autoLoad\x78", b"\x76\x01\x0ashouldLoad\x78",
    b"\x76\x01\x04meta\x75\x01\x7e", b"\xff", b"\x75\xff\xff\xff\xff\x0f",
)
# fmt: on
