"""The suite of the port of bases bites: an adapter with one fault does not pass it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from collab_storage import Base, Bases, Quarantined, acceptance_bases
from collab_storage.acceptance_bases import BasesAcceptance
from collab_storage.memory_bases import MemoryBases

from tests.unit.storage.ports import failures


class KeepsWhatIsReplaced(MemoryBases):
    def put(self, **fields: Any) -> Base:
        held = dict(self._held)
        base = super().put(**fields)
        self._held = held | self._held
        return base


class TakesTheLastForTheNewest(MemoryBases):
    async def newest(self, tenant: str, room: str) -> Base | None:
        return max(self._of(tenant, room), key=lambda base: base.id, default=None)


class DropsOneTooMany(MemoryBases):
    async def drop_older(self, tenant: str, room: str, *, than: int) -> None:
        await super().drop_older(tenant, room, than=than + 1)


class DropsInEveryRoom(MemoryBases):
    async def drop_older(self, tenant: str, room: str, *, than: int) -> None:
        for base in [held.base for held in self._held.values()]:
            await super().drop_older(base.tenant, base.room, than=than)


class UsesNumbersAgain(MemoryBases):
    async def delete_room(self, tenant: str, room: str) -> None:
        await super().delete_room(tenant, room)
        self._last_id = 0


class ServesWhatIsGone(MemoryBases):
    async def delete_room(self, tenant: str, room: str) -> None:
        self._gone = getattr(self, "_gone", {}) | self._held
        await super().delete_room(tenant, room)

    def _find(self, base: Base) -> Any:
        return getattr(self, "_gone", {}).get(base.id) or super()._find(base)


class GivesAnyChunk(MemoryBases):
    async def chunk(self, base: Base, number: int) -> bytes:
        return self._find(base).data[number << 20 : (number + 1) << 20]


class KeepsAPart(MemoryBases):
    def put(self, *, data: Iterable[bytes], **fields: Any) -> Base:
        taken: list[bytes] = []
        try:
            taken.extend(data)
        except ZeroDivisionError:
            super().put(data=taken, **fields)
            raise
        return super().put(data=taken, **fields)


class SetsAsideTwice(MemoryBases):
    def quarantine(self, *, time: float, **fields: Any) -> Quarantined:
        return super().quarantine(time=time + self._last_id, **fields | {"reason": f"{self._last_id}"})


class EmptiesTheQuarantine(MemoryBases):
    async def drop_older(self, tenant: str, room: str, *, than: int) -> None:
        await super().drop_older(tenant, room, than=than)
        self._quarantine.clear()


class KeepsTheQuarantine(MemoryBases):
    async def delete_room(self, tenant: str, room: str) -> None:
        for base in self._of(tenant, room):
            del self._held[base.id]


FAULTY = [
    KeepsWhatIsReplaced,
    TakesTheLastForTheNewest,
    DropsOneTooMany,
    DropsInEveryRoom,
    UsesNumbersAgain,
    ServesWhatIsGone,
    GivesAnyChunk,
    KeepsAPart,
    SetsAsideTwice,
    EmptiesTheQuarantine,
    KeepsTheQuarantine,
]


def suite_of(adapter: type[MemoryBases]) -> object:
    """The suite, as the tests of an adapter make it."""

    class Suite(BasesAcceptance):
        durable = False

        def make_bases(self, directory: Path) -> Bases:
            return adapter()

        def put(self, bases: Bases, **fields: Any) -> Base:
            assert isinstance(bases, MemoryBases)
            return bases.put(**fields)

        def put_aside(self, bases: Bases, **fields: Any) -> Quarantined:
            assert isinstance(bases, MemoryBases)
            return bases.quarantine(**fields)

    return Suite()


@pytest.mark.parametrize("adapter", FAULTY)
async def test_a_faulty_adapter_fails(adapter: type[MemoryBases]) -> None:
    assert await failures(suite_of(adapter)) != []


async def test_a_right_one_passes() -> None:
    assert await failures(suite_of(MemoryBases)) == []


def test_the_suite_needs_no_pytest() -> None:
    assert "pytest" not in vars(acceptance_bases)
