"""Seeded damage to honest updates: what a broken or hostile client could send.

Most of it knows the format and changes single fields; the rest does not and changes bytes. Knows nothing of
`collab_server`.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.oracle.hostile import ANY, NUMBERS, TEXTS
from tests.oracle.wire import Deletes, Field, Section, Wire, read_wire, write_uint, write_wire

Damage = Callable[[Random, Wire, Wire], None]


def mutate(random: Random, data: bytes, other: bytes) -> bytes:
    """`data` with one to three faults, some of them taken from `other`."""
    if random.random() < 0.35:
        return _mutate_bytes(random, data, other)
    wire, donor = read_wire(data), read_wire(other)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        random.choices(_DAMAGES, _WEIGHTS)[0](random, wire, donor)
    damaged = write_wire(wire)
    return _mutate_bytes(random, damaged, other) if random.random() < 0.05 else damaged


def _mutate_bytes(random: Random, data: bytes, other: bytes) -> bytes:
    for _ in range(random.choice((1, 1, 2, 4))):
        data = random.choice(_BYTE_DAMAGES)(random, data, other)
    return data


def _flip(random: Random, data: bytes, other: bytes) -> bytes:
    at = random.randrange(len(data) or 1)
    return data[:at] + bytes(byte ^ 1 << random.randrange(8) for byte in data[at : at + 1]) + data[at + 1 :]


def _set(random: Random, data: bytes, other: bytes) -> bytes:
    at = random.randrange(len(data) or 1)
    return data[:at] + bytes((random.randrange(256),)) + data[at + 1 :]


def _insert(random: Random, data: bytes, other: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.randbytes(random.randint(1, 3)) + data[at:]


def _remove(random: Random, data: bytes, other: bytes) -> bytes:
    at = random.randrange(len(data) or 1)
    return data[:at] + data[at + random.randint(1, 3) :]


def _insert_varint(random: Random, data: bytes, other: bytes) -> bytes:
    at = random.randrange(len(data) or 1)
    return data[:at] + write_uint(random.choice(NUMBERS)) + data[at + 1 :]


def _lengthen_varint(random: Random, data: bytes, other: bytes) -> bytes:
    """The same number in more bytes than it needs, wherever the byte is a number."""
    at = random.randrange(len(data) or 1)
    return (
        data[:at]
        + bytes(byte | 128 for byte in data[at : at + 1])
        + b"\x80" * random.randint(0, 2)
        + b"\0"
        + data[at + 1 :]
    )


def _cross(random: Random, data: bytes, other: bytes) -> bytes:
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


_BYTE_DAMAGES = (_flip, _flip, _set, _insert, _remove, _insert_varint, _lengthen_varint, _cross)


def _some_struct(random: Random, wire: Wire) -> list[Field]:
    sections = [section for section in wire.sections if section.structs]
    return (
        random.choice(random.choice(sections).structs) if sections else [("byte info", 0), ("uint length", 1)]
    )


def _change_field(random: Random, wire: Wire, donor: Wire) -> None:
    fields = _some_struct(random, wire)
    at = random.randrange(len(fields))
    role, value = fields[at]
    if isinstance(value, bytes):
        fields[at] = (role, random.randbytes(random.randint(0, 9)))
    elif isinstance(value, str):
        fields[at] = (role, _text(random, value))
    else:
        fields[at] = (role, _near(random, value))


def _near(random: Random, value: int) -> int:
    return max(0, value + random.choice((-2, -1, 1, 2))) if random.random() < 0.6 else random.choice(NUMBERS)


def _text(random: Random, value: str) -> str:
    return random.choice(TEXTS) if random.random() < 0.8 else value * 2


def _change_info(random: Random, wire: Wire, donor: Wire) -> None:
    fields = _some_struct(random, wire)
    info = fields[0][1]
    assert isinstance(info, int)
    kind = random.choice((info & 31, random.randrange(13)))
    flags = random.choice((info & 0xE0, info ^ random.choice((0x20, 0x40, 0x80))))
    fields[0] = ("byte info", kind | flags & 0xE0)


def _change_id(random: Random, wire: Wire, donor: Wire) -> None:
    """Point an origin, right origin or parent elsewhere: to another struct, into itself, ahead of all."""
    fields = _some_struct(random, wire)
    places = [at for at, (role, _) in enumerate(fields) if role.endswith(".client")]
    if not places:
        return
    at = random.choice(places)
    section = random.choice(random.choice((wire, donor)).sections or [Section(1, 0, [])])
    fields[at] = (fields[at][0], section.client)
    fields[at + 1] = (
        fields[at + 1][0],
        random.choice((section.clock, section.clock + random.randrange(30), random.randrange(30))),
    )


def _add_reference(random: Random, wire: Wire, donor: Wire) -> None:
    """Give a struct a right origin, or an origin in place of its parent."""
    fields = _some_struct(random, wire)
    info = fields[0][1]
    assert isinstance(info, int)
    if info & 31 in (0, 10) or info & 0x40:
        return
    section = random.choice(random.choice((wire, donor)).sections or [Section(1, 0, [])])
    reference: list[Field] = [
        ("uint right.client", section.client),
        ("uint right.clock", random.randrange(section.clock + 9)),
    ]
    kept = [item for item in fields[1:] if item[0].split()[1] not in _PARENT_ROLES]
    origin = [item for item in kept if "origin" in item[0]]
    rest = [item for item in kept if "origin" not in item[0]]
    fields[:] = [("byte info", info | 0x40), *origin, *reference, *rest]


_PARENT_ROLES = {"parent.kind", "root", "parent.client", "parent.clock", "sub"}


def _change_parent(random: Random, wire: Wire, donor: Wire) -> None:
    """Move a struct below another root, another struct, or a key."""
    fields = _some_struct(random, wire)
    info = fields[0][1]
    assert isinstance(info, int)
    if info & 31 in (0, 10):
        return
    content = [item for item in fields[1:] if item[0].split()[1] not in _PARENT_ROLES | _REFERENCE_ROLES]
    section = random.choice(random.choice((wire, donor)).sections or [Section(1, 0, [])])
    by_id: list[Field] = [
        ("uint parent.kind", 0),
        ("uint parent.client", section.client),
        ("uint parent.clock", random.randrange(section.clock + 9)),
    ]
    by_name: list[Field] = [("uint parent.kind", 1), ("text root", random.choice(TEXTS))]
    sub: list[Field] = [("text sub", random.choice(TEXTS))] if random.random() < 0.5 else []
    parent = by_id if random.random() < 0.5 else by_name
    fields[:] = [("byte info", info & 31 | (0x20 if sub else 0)), *parent, *sub, *content]


_REFERENCE_ROLES = {"origin.client", "origin.clock", "right.client", "right.clock"}


def _change_json(random: Random, wire: Wire, donor: Wire) -> None:
    """Embeds, formats, legacy JSON: text that `JSON.parse` may or may not take."""
    fields = _some_struct(random, wire)
    places = [at for at, (role, _) in enumerate(fields) if role.startswith("text")]
    if places:
        at = random.choice(places)
        fields[at] = (fields[at][0], random.choice(TEXTS))


def _new_content(random: Random, wire: Wire, donor: Wire) -> None:
    """Other content under the same header."""
    fields = _some_struct(random, wire)
    info = fields[0][1]
    assert isinstance(info, int)
    header = [item for item in fields[1:] if item[0].split()[1] in _PARENT_ROLES | _REFERENCE_ROLES]
    kind, content = random.choice(_CONTENTS)(random)
    flags = info & 0xE0 if info & 31 not in (0, 10) else 0
    if not header:
        header, flags = (
            [("uint parent.kind", 1), ("text root", random.choice(("text", "map", "xml", "array")))],
            0,
        )
    fields[:] = [("byte info", kind | flags), *header, *content]


_CONTENTS: tuple[Callable[[Random], tuple[int, list[Field]]], ...] = (
    lambda random: (1, [("uint length", random.choice((1, 2, 5, *NUMBERS)))]),
    lambda random: (2, [("uint count", 1), ("text json", random.choice(TEXTS))]),
    lambda random: (3, [("bytes binary", random.randbytes(3))]),
    lambda random: (4, [("text string", random.choice(TEXTS))]),
    lambda random: (5, [("text json", random.choice(TEXTS))]),
    lambda random: (6, [("text key", random.choice(TEXTS)), ("text json", random.choice(TEXTS))]),
    lambda random: (7, [("uint type", random.choice((0, 1, 2, 4, 6, 7, 127)))]),
    lambda random: (7, [("uint type", random.choice((3, 5))), ("text name", random.choice(TEXTS))]),
    lambda random: (8, [("uint count", 1), ("raw any", random.choice(ANY))]),
    lambda random: (9, [("text guid", random.choice(TEXTS)), ("raw any", random.choice(ANY))]),
    lambda random: (10, [("uint length", random.choice((1, 2, 5)))]),
    lambda random: (11, [("uint length", 1)]),
)


def _change_section(random: Random, wire: Wire, donor: Wire) -> None:
    if not wire.sections:
        return
    section = random.choice(wire.sections)
    kind = random.randrange(3)
    if kind == 0:
        section.client = random.choice(
            (*NUMBERS, *(other.client for other in wire.sections + donor.sections))
        )
    elif kind == 1:
        section.clock = _near(random, section.clock)
    else:
        section.count = _near(random, len(section.structs))


def _move_structs(random: Random, wire: Wire, donor: Wire) -> None:
    """Take away, double, swap or borrow whole structs."""
    if not wire.sections:
        return
    structs = random.choice(wire.sections).structs
    at = random.randrange(len(structs) + 1)
    kind = random.randrange(4)
    if kind == 0:
        del structs[at : at + 1]
    elif kind == 1:
        structs[at:at] = [list(fields) for fields in structs[at : at + 1]]
    elif kind == 2:
        random.shuffle(structs)
    else:
        structs.insert(at, list(_some_struct(random, donor)))


def _insert_filler(random: Random, wire: Wire, donor: Wire) -> None:
    """A GC or a Skip between, before or after the structs of a section."""
    if wire.sections:
        structs = random.choice(wire.sections).structs
        filler: list[Field] = [
            ("byte info", random.choice((0, 10, 0x80, 0x8A, 0x2A))),
            ("uint length", random.choice((0, 1, 1, 2, 9, 2**31 - 1))),
        ]
        structs.insert(random.randrange(len(structs) + 1), filler)


def _move_sections(random: Random, wire: Wire, donor: Wire) -> None:
    kind = random.randrange(4)
    if kind == 0:
        random.shuffle(wire.sections)
    elif kind == 1 and donor.sections:
        wire.sections.append(random.choice(donor.sections))
    elif kind == 2:
        wire.section_count = _near(random, len(wire.sections))
    elif wire.sections:
        wire.sections.append(random.choice(wire.sections))


def _change_deletes(random: Random, wire: Wire, donor: Wire) -> None:
    if not wire.deletes or random.random() < 0.3:
        source = random.choice(wire.sections + donor.sections or [Section(1, 0, [])])
        wire.deletes.append(Deletes(source.client, [_range(random, source.clock)]))
        return
    deletes = random.choice(wire.deletes)
    kind = random.randrange(6)
    if kind == 0:
        deletes.client = random.choice(
            (*NUMBERS, *(other.client for other in wire.sections + donor.sections))
        )
    elif kind == 1:
        deletes.ranges.insert(random.randrange(len(deletes.ranges) + 1), _range(random, 0))
    elif kind == 2:
        random.shuffle(deletes.ranges)
    elif kind == 3:
        deletes.count = _near(random, len(deletes.ranges))
    elif kind == 4:
        wire.deletes_count = _near(random, len(wire.deletes))
    else:
        wire.deletes.append(deletes)


def _range(random: Random, clock: int) -> tuple[int, int]:
    return random.choice((0, clock, clock + random.randrange(20))), random.choice(
        (0, 1, 2, 5, 20, 2**31 - 1, 2**53 - 1)
    )


_WEIGHTED: dict[Damage, int] = {
    _change_field: 4,
    _change_info: 3,
    _change_id: 4,
    _add_reference: 2,
    _change_parent: 3,
    _change_json: 3,
    _new_content: 4,
    _change_section: 2,
    _move_structs: 2,
    _insert_filler: 1,
    _move_sections: 1,
    _change_deletes: 3,
}
_DAMAGES, _WEIGHTS = list(_WEIGHTED), list(_WEIGHTED.values())
