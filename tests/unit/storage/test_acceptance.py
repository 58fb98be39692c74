"""The suite of the port bites: an adapter with one fault does not pass it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from pathlib import Path

import pytest
from collab_storage import ConflictError, Journal, Record, StreamKey, acceptance
from collab_storage.acceptance import JournalAcceptance
from collab_storage.memory import MemoryJournal

from tests.unit.storage.ports import failures


class TakesAnything(MemoryJournal):
    async def append(self, records: Sequence[Record]) -> None:
        for record in records:
            await super().append([record])


class ForgetsHeads(MemoryJournal):
    async def head(self, key: StreamKey) -> int | None:
        rows = await self.read(key, max_bytes=1 << 40)
        return rows[-1].offset if rows else None


class RefusesRepetition(MemoryJournal):
    async def append(self, records: Sequence[Record]) -> None:
        for record in records:
            head = await self.head(record.key)
            if head is not None and record.offset <= head:
                raise ConflictError.of(record)
        await super().append(records)


class RemovesTooMuch(MemoryJournal):
    async def remove_offsets(self, key: StreamKey, offsets: Collection[int]) -> None:
        await self.remove(key, upto=max(offsets, default=-1))


class IgnoresThePage(MemoryJournal):
    async def read(self, key: StreamKey, after: int = -1, *, max_bytes: int = 0) -> list[Record]:
        return await super().read(key, after, max_bytes=1 << 40)


class MixesStreams(MemoryJournal):
    async def append(self, records: Sequence[Record]) -> None:
        await super().append([record._replace(stream="doc") for record in records])


class LosesACancelledAppend(MemoryJournal):
    async def append(self, records: Sequence[Record]) -> None:
        for record in records:
            await super().append([record])
            await asyncio.sleep(0)


class KeepsDeletedRooms(MemoryJournal):
    async def delete_room(self, tenant: str, room: str) -> None:
        for info in await self.streams(tenant, room):
            await self.remove(StreamKey(tenant, room, info.stream), upto=info.head)


FAULTY = [
    TakesAnything,
    ForgetsHeads,
    RefusesRepetition,
    RemovesTooMuch,
    IgnoresThePage,
    MixesStreams,
    LosesACancelledAppend,
    KeepsDeletedRooms,
]


def suite_of(adapter: type[MemoryJournal]) -> object:
    """The suite, as the tests of an adapter make it."""

    class Suite(JournalAcceptance):
        durable = False

        def make_journal(self, directory: Path) -> Journal:
            return adapter()

    return Suite()


@pytest.mark.parametrize("adapter", FAULTY)
async def test_a_faulty_adapter_fails(adapter: type[MemoryJournal]) -> None:
    assert await failures(suite_of(adapter)) != []


async def test_a_right_one_passes() -> None:
    assert await failures(suite_of(MemoryJournal)) == []


def test_the_suite_needs_no_pytest() -> None:
    assert "pytest" not in vars(acceptance)
