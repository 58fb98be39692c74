"""A second reading of Yjs update v1, made to be changed: every field of an honest update as a value.

Written apart from `collab_server.updates`, so that a mistake there is not repeated here. Reads honest bytes
only; writes whatever the fields say, right or wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Field = tuple[str, int | str | bytes]
"""Role and value. The role's first word says how it is written: `uint`, `byte`, `text`, `bytes` or `raw`."""

GC, SKIP = 0, 10
_FIXED = {127: 0, 126: 0, 121: 0, 120: 0, 124: 4, 123: 8, 122: 8}


@dataclass(slots=True)
class Section:
    client: int
    clock: int
    structs: list[list[Field]]
    #: What is written as the number of structs, if not their number.
    count: int | None = None


@dataclass(slots=True)
class Deletes:
    client: int
    ranges: list[tuple[int, int]]
    count: int | None = None


@dataclass(slots=True)
class Wire:
    sections: list[Section] = field(default_factory=list)
    deletes: list[Deletes] = field(default_factory=list)
    section_count: int | None = None
    deletes_count: int | None = None


def write_uint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


class _Reader:
    """Walks honest bytes once; `take` collects the fields of the struct under way."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.fields: list[Field] = []

    def uint(self) -> int:
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def raw(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]

    def take_uint(self, role: str) -> int:
        value = self.uint()
        self.fields.append((f"uint {role}", value))
        return value

    def take_byte(self, role: str) -> int:
        value = self.raw(1)[0]
        self.fields.append((f"byte {role}", value))
        return value

    def take_text(self, role: str) -> str:
        value = self.raw(self.uint()).decode()
        self.fields.append((f"text {role}", value))
        return value

    def take_bytes(self, role: str) -> None:
        self.fields.append((f"bytes {role}", self.raw(self.uint())))

    def take_id(self, role: str) -> None:
        self.take_uint(f"{role}.client")
        self.take_uint(f"{role}.clock")

    def struct(self) -> tuple[list[Field], int]:
        """The fields of one struct and how many clocks it takes."""
        self.fields = []
        info = self.take_byte("info")
        kind = info & 31
        if kind in (GC, SKIP):
            return self.fields, self.take_uint("length")
        if info & 0x80:
            self.take_id("origin")
        if info & 0x40:
            self.take_id("right")
        if not info & 0xC0:
            self._parent(info)
        return self.fields, _CONTENT[kind](self)

    def _parent(self, info: int) -> None:
        if self.take_uint("parent.kind") == 1:
            self.take_text("root")
        else:
            self.take_id("parent")
        if info & 0x20:
            self.take_text("sub")

    def deleted(self) -> int:
        return self.take_uint("length")

    def json_list(self) -> int:
        count = self.take_uint("count")
        for _ in range(count):
            self.take_text("json")
        return count

    def binary(self) -> int:
        self.take_bytes("binary")
        return 1

    def string(self) -> int:
        return len(self.take_text("string").encode("utf-16-le")) // 2

    def embed(self) -> int:
        self.take_text("json")
        return 1

    def format(self) -> int:
        self.take_text("key")
        self.take_text("json")
        return 1

    def type(self) -> int:
        if self.take_uint("type") in (3, 5):
            self.take_text("name")
        return 1

    def any_list(self) -> int:
        count = self.take_uint("count")
        for _ in range(count):
            self.any()
        return count

    def document(self) -> int:
        self.take_text("guid")
        self.any()
        return 1

    def any(self) -> None:
        tag = self.take_byte("tag")
        if tag == 125:
            start = self.at
            self.at += 1
            while self.data[self.at - 1] & 128:
                self.at += 1
            self.fields.append(("raw integer", self.data[start : self.at]))
        elif tag == 119:
            self.take_text("value")
        elif tag == 116:
            self.take_bytes("binary")
        elif tag in (117, 118):
            for _ in range(self.take_uint("count")):
                if tag == 118:
                    self.take_text("key")
                self.any()
        else:
            self.fields.append(("raw number", self.raw(_FIXED[tag])))


_CONTENT: dict[int, Callable[[_Reader], int]] = {
    1: _Reader.deleted,
    2: _Reader.json_list,
    3: _Reader.binary,
    4: _Reader.string,
    5: _Reader.embed,
    6: _Reader.format,
    7: _Reader.type,
    8: _Reader.any_list,
    9: _Reader.document,
}


def read_wire(data: bytes) -> Wire:
    """Every field of an honest update."""
    reader = _Reader(data)
    sections = [_section(reader) for _ in range(reader.uint())]
    deletes = [_deletes(reader) for _ in range(reader.uint())]
    assert reader.at == len(data)
    return Wire(sections, deletes)


def _section(reader: _Reader) -> Section:
    count, client, clock = reader.uint(), reader.uint(), reader.uint()
    return Section(client, clock, [reader.struct()[0] for _ in range(count)])


def _deletes(reader: _Reader) -> Deletes:
    client = reader.uint()
    return Deletes(client, [(reader.uint(), reader.uint()) for _ in range(reader.uint())])


def write_wire(wire: Wire) -> bytes:
    """The bytes that the fields say, however wrong they are."""
    out = bytearray(write_uint(_count(wire.section_count, wire.sections)))
    for section in wire.sections:
        out += write_uint(_count(section.count, section.structs))
        out += write_uint(section.client) + write_uint(section.clock)
        for fields in section.structs:
            for role, value in fields:
                out += _write_field(role, value)
    out += write_uint(_count(wire.deletes_count, wire.deletes))
    for deletes in wire.deletes:
        out += write_uint(deletes.client) + write_uint(_count(deletes.count, deletes.ranges))
        for clock, length in deletes.ranges:
            out += write_uint(clock) + write_uint(length)
    return bytes(out)


def _count(stated: int | None, items: Sequence[object]) -> int:
    return len(items) if stated is None else stated


def _write_field(role: str, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return bytes((value & 255,)) if role.startswith("byte") else write_uint(value)
    if role.startswith("raw"):
        assert isinstance(value, bytes)
        return value
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return write_uint(len(data)) + data
