"""What every adapter of the port `Bases` must do: the suite that it runs in its own tests.

For pytest in asyncio's auto mode, without importing either:

    class TestMyBases(BasesAcceptance):
        def make_bases(self, directory: Path) -> Bases:
            return MyBases(directory / "bases")
        def put(self, bases: Bases, **fields: Any) -> Base: ...
        def put_aside(self, bases: Bases, **fields: Any) -> Quarantined: ...

`make_bases` is called again for the same directory to see what a later process would see; set `durable` to
False for an adapter that keeps nothing beyond its object.
"""

from __future__ import annotations

import asyncio
import tempfile
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from collab_storage.bases import CHUNK_BYTES, Base, Bases, Quarantined
from collab_storage.errors import GoneError
from collab_storage.records import MAX_OFFSET

TENANT, ROOM = "default", "algebra/lesson 1"
TIME = 1_700_000_000.25


def make_data(size: int, *, seed: int = 1) -> bytes:
    """Bytes in which no two chunks are equal."""
    block = bytes((number * seed + number // 251) % 256 for number in range(65_521))
    return (block * (size // len(block) + 1))[:size]


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def fields(**changes: Any) -> dict[str, Any]:
    """What a worker writes as a base, an ordinary one but for the changes."""
    ordinary = {"tenant": TENANT, "room": ROOM, "offset": 1, "head": b"h", "table": b"t", "data": [b"d"]}
    return ordinary | {"time": TIME} | changes


async def read_data(bases: Bases, base: Base) -> bytes:
    """All data of a base, its chunks joined."""
    return b"".join([await bases.chunk(base, number) for number in range(base.chunks)])


class BasesAcceptance:
    """Inherit, implement the three makers; every method named `test_…` is a test."""

    durable = True

    @abstractmethod
    def make_bases(self, directory: Path) -> Bases:
        """A store, not opened, that keeps its files in `directory`."""

    @abstractmethod
    def put(self, bases: Bases, **fields: Any) -> Base:
        """Write a base as a worker does: tenant, room, offset, head, table, data in pieces, time."""

    @abstractmethod
    def put_aside(self, bases: Bases, **fields: Any) -> Quarantined:
        """Put bytes in quarantine as a worker does: tenant, room, offset, reason, data, time."""

    def write(self, bases: Bases, offset: int, data: bytes = b"data", *, room: str = ROOM) -> Base:
        """A base of which nothing else matters."""
        table = b"table %d" % offset
        return self.put(bases, **fields(room=room, offset=offset, table=table, data=[data]))

    def set_aside(self, bases: Bases, offset: int, data: bytes, *, room: str = ROOM) -> Quarantined:
        return self.put_aside(
            bases, tenant=TENANT, room=room, offset=offset, reason="no struct", data=data, time=TIME
        )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Bases]:
        with tempfile.TemporaryDirectory() as directory:
            bases = self.make_bases(Path(directory))
            await bases.open()
            try:
                yield bases
            finally:
                await bases.close()

    async def is_gone(self, bases: Bases, base: Base) -> bool:
        """Whether both its table and its chunks say so."""
        gone = 0
        for call in (bases.table(base), bases.chunk(base, 0)):
            try:
                await call
            except GoneError:
                gone += 1
        assert gone in (0, 2)
        return gone == 2

    async def test_a_base_comes_back_as_it_was_written(self) -> None:
        data, table = make_data(2 * CHUNK_BYTES + 12_345), make_data(70_000, seed=3)
        async with self.opened() as bases:
            for room in ("x", "Straße/日本 \U0001f600", "a%_b", "../up", "x" * 255):
                given = fields(tenant="t", room=room, offset=7, head=bytes(range(256)), table=table)
                base = self.put(bases, **given | {"data": pieces(data, 99_991)})
                assert base == Base("t", room, base.id, 7, bytes(range(256)), len(data), len(table), TIME)
                assert await bases.newest("t", room) == base
                assert await bases.table(base) == table
                assert await read_data(bases, base) == data

    async def test_every_chunk_but_the_last_has_its_full_length(self) -> None:
        async with self.opened() as bases:
            for offset, size in enumerate(
                [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES]
            ):
                data = make_data(size)
                base = self.write(bases, offset, data)
                assert base.size_bytes == size
                chunks = [await bases.chunk(base, number) for number in range(base.chunks)]
                assert b"".join(chunks) == data
                assert all(len(chunk) == CHUNK_BYTES for chunk in chunks[:-1])
                assert all(chunk for chunk in chunks)
                await self.has_no_chunk(bases, base, base.chunks)
                await self.has_no_chunk(bases, base, -1)

    async def has_no_chunk(self, bases: Bases, base: Base, number: int) -> None:
        try:
            await bases.chunk(base, number)
        except ValueError:
            return
        raise AssertionError(f"there is a chunk {number} of {base}")

    async def test_empty_and_extreme_values(self) -> None:
        async with self.opened() as bases:
            first = self.put(bases, **fields(offset=0, head=b"", table=b"", data=[], time=-1.5))
            assert await bases.newest(TENANT, ROOM) == first
            assert await bases.table(first) == b""
            last = self.put(bases, **fields(offset=MAX_OFFSET, data=[b"", b"d", b""]))
            assert await bases.newest(TENANT, ROOM) == last
            assert await read_data(bases, last) == b"d"
            await bases.drop_older(TENANT, ROOM, than=MAX_OFFSET)
            assert await bases.newest(TENANT, ROOM) == last
            assert await bases.verify() == []

    async def test_an_unknown_room_is_absent_not_an_error(self) -> None:
        async with self.opened() as bases:
            assert await bases.newest(TENANT, "nowhere") is None
            assert await bases.rooms("nobody") == []
            assert await bases.quarantined(TENANT, "nowhere") == []
            await bases.drop_older(TENANT, "nowhere", than=9)
            await bases.delete_room(TENANT, "nowhere")
            assert await bases.newest(TENANT, "nowhere") is None

    async def test_rooms_do_not_mix(self) -> None:
        names = [(tenant, room) for tenant in ("a", "b") for room in ("r", "rr", "r/r")]
        async with self.opened() as bases:
            for tenant, room in names:
                self.put(bases, **fields(tenant=tenant, room=room, data=[f"{tenant} {room}".encode()]))
            await bases.drop_older("a", "r", than=9)
            await bases.delete_room("a", "rr")
            for tenant, room in names:
                base = await bases.newest(tenant, room)
                if (tenant, room) in (("a", "r"), ("a", "rr")):
                    assert base is None
                else:
                    assert base is not None
                    assert await read_data(bases, base) == f"{tenant} {room}".encode()

    async def test_the_newest_covers_most_whenever_it_was_written(self) -> None:
        async with self.opened() as bases:
            for offset, newest in ((5, 5), (3, 5), (9, 9), (7, 9)):
                self.write(bases, offset)
                base = await bases.newest(TENANT, ROOM)
                assert base is not None
                assert base.offset == newest

    async def test_several_bases_of_a_room_stand_side_by_side(self) -> None:
        async with self.opened() as bases:
            written = {offset: self.write(bases, offset, b"%d" % offset) for offset in (1, 4, 2)}
            for offset, base in written.items():
                assert await read_data(bases, base) == b"%d" % offset
                assert await bases.table(base) == b"table %d" % offset

    async def test_one_of_equal_offset_is_replaced(self) -> None:
        async with self.opened() as bases:
            older, first = self.write(bases, 1), self.write(bases, 2, b"first")
            second = self.write(bases, 2, b"second")
            assert second.id != first.id
            assert await bases.newest(TENANT, ROOM) == second
            assert await read_data(bases, second) == b"second"
            assert await self.is_gone(bases, first)
            assert not await self.is_gone(bases, older)
            assert await bases.verify() == []

    async def test_those_that_cover_less_are_dropped(self) -> None:
        async with self.opened() as bases:
            written = [self.write(bases, offset) for offset in (0, 3, 5, 8)]
            for than, left in ((0, 4), (3, 3), (4, 2), (4, 2), (8, 1), (100, 0), (100, 0)):
                await bases.drop_older(TENANT, ROOM, than=than)
                gone = [await self.is_gone(bases, base) for base in written]
                assert gone == [True] * (4 - left) + [False] * left
                assert await bases.newest(TENANT, ROOM) == (written[-1] if left else None)
            assert await bases.verify() == []

    async def test_one_that_is_dropped_gives_way_to_the_one_before_it(self) -> None:
        async with self.opened() as bases:
            older, newest = self.write(bases, 3), self.write(bases, 7)
            elsewhere = self.write(bases, 7, room="other")
            for _ in range(2):
                await bases.drop(newest)
                assert await bases.newest(TENANT, ROOM) == older
            assert await self.is_gone(bases, newest)
            assert await bases.newest(TENANT, "other") == elsewhere

    async def test_dropping_leaves_another_of_equal_offset(self) -> None:
        async with self.opened() as bases:
            replaced, there = self.write(bases, 3, b"one"), self.write(bases, 3, b"two")
            await bases.drop(replaced)
            assert await bases.newest(TENANT, ROOM) == there

    async def test_a_base_that_is_as_it_was_written_passes_the_check(self) -> None:
        async with self.opened() as bases:
            base = self.write(bases, 3, make_data(CHUNK_BYTES + 5))
            await bases.check(base)
            await bases.drop(base)
            try:
                await bases.check(base)
            except GoneError:
                return
            raise AssertionError("a dropped base passes the check")

    async def test_numbers_are_never_used_again(self) -> None:
        async with self.opened() as bases:
            seen = {self.write(bases, 1).id}
            for step in range(4):
                if step % 2:
                    await bases.delete_room(TENANT, ROOM)
                else:
                    await bases.drop_older(TENANT, ROOM, than=9)
                seen.add(self.write(bases, 1).id)
            assert len(seen) == 5

    async def test_what_no_store_could_keep_is_refused(self) -> None:
        async with self.opened() as bases:
            wrong = [(name, "r", 0) for name in ("", "a\0b", "\ud800")]
            wrong += [("t", name, 0) for name in ("", "a\0b", "\ud800")]
            for tenant, room, offset in [*wrong, ("t", "r", -1)]:
                try:
                    self.put(bases, **fields(tenant=tenant, room=room, offset=offset))
                except ValueError:
                    continue
                raise AssertionError(f"accepted {tenant!r}, {room!r}, {offset}")
            assert await bases.rooms("t") == []

    async def test_data_that_breaks_off_leaves_all_as_it_was(self) -> None:
        def broken() -> Iterator[bytes]:
            yield make_data(CHUNK_BYTES * 2)
            raise ZeroDivisionError

        async with self.opened() as bases:
            for older in (None, self.write(bases, 4)):
                room = "empty" if older is None else ROOM
                try:
                    self.put(bases, **fields(room=room, offset=4, data=broken()))
                except ZeroDivisionError:
                    assert await bases.newest(TENANT, room) == older
                    continue
                raise AssertionError("a part of the data was accepted")
            assert await bases.verify() == []

    async def test_rooms_are_listed_by_tenant_prefix_and_page(self) -> None:
        names = sorted(["a", "a/b", "a/c", "a\U0010ffff", "b", "ab", "A", "ä", "\ud7ff", "\ue000", "a%"])
        async with self.opened() as bases:
            for tenant in (TENANT, "u"):
                for name in names:
                    self.put(bases, **fields(tenant=tenant, room=name))
            self.write(bases, 2, room="a")
            assert await bases.rooms(TENANT) == names
            for prefix in ("a", "a/", "A", "\ud7ff", "a\U0010ffff", "\U0010ffff", "zz"):
                expected = [name for name in names if name.startswith(prefix)]
                assert await bases.rooms(TENANT, prefix) == expected
            assert await bases.rooms(TENANT, after=names[2], limit=3) == names[3:6]
            assert await bases.rooms(TENANT, "a", after="a/b", limit=2) == ["a/c", "ab"]

    async def test_what_was_set_aside_comes_back_in_order(self) -> None:
        data = [b"", bytes(range(256)), make_data(2_000_000)]
        async with self.opened() as bases:
            entries = [self.set_aside(bases, number - 1, item) for number, item in enumerate(data)]
            self.set_aside(bases, 0, b"other", room="other")
            assert await bases.quarantined(TENANT, ROOM) == entries
            assert [entry.size_bytes for entry in entries] == [len(item) for item in data]
            assert [await bases.quarantined_data(entry) for entry in entries] == data
            assert await bases.quarantined(TENANT, ROOM, after=entries[0].id, limit=1) == entries[1:2]
            assert {(entry.offset, entry.reason, entry.time) for entry in entries} == {
                (offset, "no struct", TIME) for offset in (-1, 0, 1)
            }
            assert await bases.rooms(TENANT) == []
            assert await bases.verify() == []

    async def test_the_same_set_aside_again_is_one_entry(self) -> None:
        given = {"tenant": TENANT, "room": ROOM, "offset": 3, "reason": "why", "data": b"x"}
        async with self.opened() as bases:
            first = self.put_aside(bases, **given, time=1.0)
            assert self.put_aside(bases, **given, time=2.0) == first
            assert await bases.quarantined(TENANT, ROOM) == [first]
            for changed in ({"data": b"y"}, {"offset": 4}, {"reason": "other"}):
                self.put_aside(bases, **(given | changed), time=1.0)
            assert len(await bases.quarantined(TENANT, ROOM)) == 4

    async def test_only_the_deletion_of_a_room_empties_its_quarantine(self) -> None:
        async with self.opened() as bases:
            self.write(bases, 1)
            entry, other = self.set_aside(bases, 0, b"x"), self.set_aside(bases, 0, b"x", room="other")
            await bases.drop_older(TENANT, ROOM, than=9)
            assert await bases.quarantined_data(entry) == b"x"
            await bases.delete_room(TENANT, ROOM)
            assert await bases.quarantined(TENANT, ROOM) == []
            try:
                await bases.quarantined_data(entry)
            except GoneError:
                assert await bases.quarantined_data(other) == b"x"
                return
            raise AssertionError("the entry is still there")

    async def test_a_deleted_room_is_gone_and_may_begin_again(self) -> None:
        async with self.opened() as bases:
            written = [self.write(bases, offset, make_data(3_000_000)) for offset in (1, 2)]
            other = self.write(bases, 1, room="other")
            await bases.delete_room(TENANT, ROOM)
            await bases.delete_room(TENANT, ROOM)
            assert await bases.newest(TENANT, ROOM) is None
            assert [await self.is_gone(bases, base) for base in written] == [True, True]
            assert await bases.rooms(TENANT) == ["other"]
            again = self.write(bases, 1, b"again")
            assert await bases.newest(TENANT, ROOM) == again
            assert await read_data(bases, again) == b"again"
            assert not await self.is_gone(bases, other)
            assert await bases.verify() == []

    async def test_overlapping_calls_see_whole_bases(self) -> None:
        async with self.opened() as bases:
            written = [self.write(bases, offset, b"%d" % offset) for offset in range(6)]
            reads = [bases.chunk(base, 0) for base in written[3:] for _ in range(5)]
            drops = [bases.drop_older(TENANT, ROOM, than=than) for than in (1, 2, 3)]
            found = await asyncio.gather(*reads, *drops, bases.newest(TENANT, ROOM))
            assert found[: len(reads)] == [b"%d" % offset for offset in (3, 4, 5) for _ in range(5)]
            assert found[-1] == written[-1]

    async def test_a_deletion_finishes_though_the_caller_is_cancelled(self) -> None:
        async with self.opened() as bases:
            for step in range(6):
                self.write(bases, 1, make_data(2_000_000))
                task = asyncio.ensure_future(bases.delete_room(TENANT, ROOM))
                for _ in range(step):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                base = await bases.newest(TENANT, ROOM)
                assert base is None or len(await read_data(bases, base)) == 2_000_000
                await bases.delete_room(TENANT, ROOM)
                assert await bases.newest(TENANT, ROOM) is None
            assert await bases.verify() == []

    async def test_close_may_be_called_twice_and_without_open(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            bases = self.make_bases(Path(directory))
            await bases.close()
            await bases.open()
            await bases.close()
            await bases.close()

    async def test_all_is_there_after_a_restart(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            bases = self.make_bases(Path(directory))
            await bases.open()
            data = make_data(CHUNK_BYTES + 5)
            written = [self.write(bases, offset, data) for offset in (1, 2, 3)]
            entry = self.set_aside(bases, 2, b"bad")
            await bases.drop_older(TENANT, ROOM, than=2)
            await bases.close()
            if self.durable:
                bases = self.make_bases(Path(directory))
            await bases.open()
            try:
                assert await bases.newest(TENANT, ROOM) == written[2]
                assert await read_data(bases, written[1]) == data
                assert await self.is_gone(bases, written[0])
                assert await bases.quarantined(TENANT, ROOM) == [entry]
                assert self.write(bases, 4).id > written[2].id
                assert await bases.verify() == []
            finally:
                await bases.close()
