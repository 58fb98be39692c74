"""Any order of writes, drops, deletions and restarts, against the bases in memory."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

from collab_storage import Base, Quarantined
from collab_storage.acceptance_bases import TENANT, TIME, fields, read_data
from collab_storage.memory_bases import MemoryBases
from collab_storage.sqlite import SqliteBases, quarantine, read_back, write_base
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

ROOMS = ("a", "a/b", "ä")

rooms = st.sampled_from(ROOMS)
offsets = st.integers(0, 6)
pieces = st.lists(st.binary(max_size=2000), max_size=3)


class BasesMachine(RuleBasedStateMachine):
    """`model` is what the store must hold; the two give numbers of their own, so these are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.path = self.directory / "bases.db"
        self.runner = asyncio.Runner()
        self.model = MemoryBases()
        self.ids: set[int] = set()
        self.start()

    def start(self) -> None:
        self.bases = SqliteBases(self.path, synchronous="off")
        self.runner.run(self.bases.open())

    def teardown(self) -> None:
        self.runner.run(self.bases.close())
        self.runner.close()
        shutil.rmtree(self.directory)

    @rule(room=rooms, offset=offsets, data=pieces, table=st.binary(max_size=50))
    def write(self, room: str, offset: int, data: list[bytes], table: bytes) -> None:
        given = fields(room=room, offset=offset, data=data, table=table)
        base = write_base(self.path, **given, synchronous="off")
        read_back(self.path, base)
        assert base.id not in self.ids
        self.ids.add(base.id)
        assert same(base, self.model.put(**given))

    @rule(room=rooms, offset=offsets, data=st.binary(max_size=3))
    def set_aside(self, room: str, offset: int, data: bytes) -> None:
        given = {
            "tenant": TENANT,
            "room": room,
            "offset": offset,
            "reason": "why",
            "data": data,
            "time": TIME,
        }
        entry = quarantine(self.path, **given, synchronous="off")  # type: ignore[arg-type]
        assert same(entry, self.model.quarantine(**given))  # type: ignore[arg-type]

    @rule(room=rooms, than=offsets)
    def drop_older(self, room: str, than: int) -> None:
        for bases in (self.bases, self.model):
            self.runner.run(bases.drop_older(TENANT, room, than=than))

    @rule(room=rooms)
    def delete_room(self, room: str) -> None:
        for bases in (self.bases, self.model):
            self.runner.run(bases.delete_room(TENANT, room))

    @rule()
    def restart(self) -> None:
        self.runner.run(self.bases.close())
        self.start()

    @rule()
    def verify(self) -> None:
        assert self.runner.run(self.bases.verify()) == []

    @invariant()
    def all_is_as_it_should_be(self) -> None:
        assert self.runner.run(content(self.bases)) == self.runner.run(content(self.model))


def same(found: Base | Quarantined, expected: Base | Quarantined) -> bool:
    return without_id(found) == without_id(expected)


def without_id(value: Base | Quarantined) -> tuple[Any, ...]:
    names = [name for name in type(value).__dataclass_fields__ if name != "id"]
    return tuple(getattr(value, name) for name in names)


async def content(bases: SqliteBases | MemoryBases) -> list[object]:
    found: list[object] = [await bases.rooms(TENANT)]
    for room in ROOMS:
        base = await bases.newest(TENANT, room)
        if base is not None:
            found += [without_id(base), await bases.table(base), await read_data(bases, base)]
        for entry in await bases.quarantined(TENANT, room):
            found += [without_id(entry), await bases.quarantined_data(entry)]
    return found


BasesMachine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestBases = BasesMachine.TestCase
