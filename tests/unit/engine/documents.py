"""Documents for the tests of the engine: one that holds everything, and those that break Yrs.

The second kind is what `threats.md` of the design calls F4 to F9; the scan refuses them, so only tests hand
them to Yrs.
"""

from __future__ import annotations

import struct

from tests.support.update_bytes import (
    ANY,
    BINARY,
    DELETED,
    DOCUMENT,
    EMBED,
    FORMAT,
    STRING,
    TYPE,
    entries,
    item,
    one,
    section,
    sized,
    string,
    uint,
    update,
    values,
)

TRUE = b"\x78"


def number(value: float) -> bytes:
    return b"\x7b" + struct.pack(">d", value)


#: Every content that Yrs loads; keys of what `describe` makes of it are in `test_preview`.
EVERYTHING = update(
    section(
        1,
        0,
        string("héllo 😀", root="text"),  # 8 units
        item(FORMAT, sized("bold") + sized("true"), root="rich"),
        string("fat", origin=(1, 8)),
        item(FORMAT, sized("bold") + sized("null"), origin=(1, 11)),
        item(EMBED, sized('{"image":"a.png"}'), origin=(1, 12)),
        item(
            ANY,
            values(
                b"\x7f",
                b"\x7e",
                TRUE,
                b"\x79",
                b"\x7d\x2a",
                number(0.5),
                number(float("nan")),
                number(float("inf")),
                number(float("-inf")),
                b"\x7a" + (5).to_bytes(8, "big"),
                b"\x77" + sized("text"),
                b"\x74" + sized(b"\x00\xff"),
                b"\x75\x02" + TRUE + entries([("a", TRUE)]),
            ),
            root="array",
        ),  # 13
        item(BINARY, sized(b"\x01"), origin=(1, 26)),
        item(DOCUMENT, sized("guid") + entries([]), root="map", key="document"),
        item(TYPE, b"\x00", root="map", key="array"),  # 29
        item(ANY, values(TRUE), parent=(1, 29)),
        item(TYPE, b"\x01", root="map", key="map"),  # 31
        item(ANY, values(TRUE), parent=(1, 31), key="k"),
        item(TYPE, b"\x02", root="map", key="text"),  # 33
        item(STRING, sized("nested"), parent=(1, 33)),  # 6
        item(TYPE, b"\x03" + sized("p"), root="xml"),  # 40
        item(ANY, values(b"\x77" + sized("title")), parent=(1, 40), key="class"),
        item(TYPE, b"\x06", parent=(1, 40)),  # 42
        item(STRING, sized("in a paragraph"), parent=(1, 42)),  # 14
        item(DELETED, uint(2), root="gone"),
        item(ANY, values(TRUE), root="both", key="k"),
        string("and text", root="both"),
    )
)

VALUES_30_000_DEEP = bytes.fromhex("010101000801016d01") + b"\x75\x01" * 30_000 + b"\x7e\x00"  # F4
VALUES_20_000_DEEP = bytes.fromhex("010101000801016d01") + b"\x75\x01" * 20_000 + b"\x7e\x00"  # F5
EMPTY_SECTION = bytes.fromhex("0100010000")  # F7
CLOCK_2_32 = bytes.fromhex("010102ffffffff0f04010174016100")  # F8
TEXT_AT_CLOCK_2_32 = bytes.fromhex("010102ffffffff0f0401017406776f726c642100")  # F9
HONEST = one(string("honest"))


def maps_in_maps(depth: int) -> list[bytes]:
    """F6: each update is innocent; the last one deletes the outermost map."""
    updates = [one(item(TYPE, b"\x01", root="m", key="k"), client=5)]
    updates += [
        one(item(TYPE, b"\x01", parent=(5, number - 1), key="k"), client=5, clock=number)
        for number in range(1, depth)
    ]
    return [*updates, bytes.fromhex("000105010001")]
