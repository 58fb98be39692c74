"""What every adapter of the port `Journal` must do: the suite that it runs in its own tests.

For pytest in asyncio's auto mode, without importing either:

    class TestMyJournal(JournalAcceptance):
        def make_journal(self, directory: Path) -> Journal:
            return MyJournal(directory / "journal")

`make_journal` is called again for the same directory to see what a later process would see; set `durable` to
False for an adapter that keeps nothing beyond its object.
"""

from __future__ import annotations

import asyncio
import tempfile
from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from collab_storage.errors import ConflictError
from collab_storage.journal import Journal
from collab_storage.records import MAX_OFFSET, Record, RecordKind, StreamInfo, StreamKey

KEY = StreamKey("default", "algebra/lesson 1", "doc")


def make_record(offset: int, *, key: StreamKey = KEY, data: bytes = b"data") -> Record:
    return Record(
        tenant=key.tenant,
        room=key.room,
        stream=key.stream,
        offset=offset,
        kind=RecordKind.DELTA,
        data=data,
        authors=b'[["ada",[7]]]',
        time=1_700_000_000.25 + offset,
    )


async def read_all(journal: Journal, key: StreamKey = KEY, *, max_bytes: int = 1 << 20) -> list[Record]:
    """Every record of a stream, page by page."""
    records: list[Record] = []
    while page := await journal.read(key, records[-1].offset if records else -1, max_bytes=max_bytes):
        records += page
    return records


async def offsets(journal: Journal, key: StreamKey = KEY) -> list[int]:
    return [record.offset for record in await read_all(journal, key)]


class JournalAcceptance:
    """Inherit, implement `make_journal`; every method named `test_…` is a test."""

    durable = True

    @abstractmethod
    def make_journal(self, directory: Path) -> Journal:
        """A journal, not opened, that keeps its files in `directory`."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Journal]:
        with tempfile.TemporaryDirectory() as directory:
            journal = self.make_journal(Path(directory))
            await journal.open()
            try:
                yield journal
            finally:
                await journal.close()

    async def test_a_record_comes_back_as_it_was_given(self) -> None:
        names = ["x", "Straße/日本 \U0001f600", "a%_b", "../up", "x" * 255]
        records = [
            Record("t", room, "doc.held", 3, kind, bytes(range(256)), b"\x00\xff", 1.5e9 + 1 / 3)
            for room in names
            for kind in [RecordKind.HELD]
        ]
        async with self.opened() as journal:
            await journal.append(records)
            for record in records:
                assert await journal.read(record.key) == [record]

    async def test_every_kind_and_extreme_values(self) -> None:
        records = [
            make_record(0)._replace(kind=RecordKind.EVENT, data=b"", authors=b"", time=0.0),
            make_record(1)._replace(kind=RecordKind.HELD, time=-1.5),
            make_record(MAX_OFFSET)._replace(data=b"\0" * 300_000),
        ]
        async with self.opened() as journal:
            await journal.append(records)
            assert await read_all(journal) == records
            assert await journal.head(KEY) == MAX_OFFSET

    async def test_an_unknown_stream_is_absent_not_an_error(self) -> None:
        async with self.opened() as journal:
            assert await journal.read(KEY) == []
            assert await journal.head(KEY) is None
            assert await journal.streams("default", "nowhere") == []
            assert await journal.rooms("nobody") == []
            await journal.remove(KEY, upto=9)
            await journal.remove_offsets(KEY, [1, 2])
            await journal.delete_room("default", "nowhere")
            assert await journal.head(KEY) is None

    async def test_an_empty_batch_changes_nothing(self) -> None:
        async with self.opened() as journal:
            await journal.append([])
            assert await journal.rooms("default") == []

    async def test_streams_do_not_mix(self) -> None:
        keys = [
            StreamKey(tenant, room, stream)
            for tenant in ("a", "b")
            for room in ("r", "rr")
            for stream in ("doc", "doc.held")
        ]
        async with self.opened() as journal:
            await journal.append([make_record(0, key=key, data=repr(key).encode()) for key in keys])
            await journal.remove(keys[0], upto=0)
            for key in keys[1:]:
                assert [record.data for record in await journal.read(key)] == [repr(key).encode()]

    async def test_offsets_may_leave_gaps_but_never_go_back(self) -> None:
        async with self.opened() as journal:
            await journal.append([make_record(2), make_record(5)])
            await journal.append([make_record(9)])
            assert await offsets(journal) == [2, 5, 9]
            await self.refuses(journal, make_record(4))
            await self.refuses(journal, make_record(10), make_record(8))

    async def refuses(self, journal: Journal, *records: Record) -> None:
        """The batch is a conflict, and the stream is as before."""
        before, head = await read_all(journal), await journal.head(KEY)
        conflict: ConflictError | None = None
        try:
            await journal.append(records)
        except ConflictError as error:
            conflict = error
        assert conflict is not None, "the batch was accepted"
        assert (conflict.tenant, conflict.room, conflict.stream) == (KEY.tenant, KEY.room, KEY.stream)
        assert (await read_all(journal), await journal.head(KEY)) == (before, head)

    async def test_the_same_batch_may_be_sent_again(self) -> None:
        batch = [make_record(offset) for offset in range(3)]
        async with self.opened() as journal:
            await journal.append(batch)
            await journal.append(batch)
            await journal.append([*batch[1:], make_record(3)])
            assert await read_all(journal) == [*batch, make_record(3)]

    async def test_a_record_twice_in_one_batch_is_one(self) -> None:
        async with self.opened() as journal:
            await journal.append([make_record(0), make_record(0)])
            assert await offsets(journal) == [0]
            await self.refuses(journal, make_record(1), make_record(1, data=b"other"))

    async def test_other_content_at_a_taken_offset_is_a_conflict_and_stores_nothing(self) -> None:
        taken = make_record(1)
        other_stream = replace(KEY, stream="doc.held")
        async with self.opened() as journal:
            await journal.append([make_record(0), taken])
            for different in (
                taken._replace(data=b"other"),
                taken._replace(authors=b"[]"),
                taken._replace(time=taken.time + 1),
                taken._replace(kind=RecordKind.HELD),
            ):
                await self.refuses(journal, make_record(0, key=other_stream), different)
            assert await journal.head(other_stream) is None
            assert await journal.rooms("default") == [KEY.room]
            await journal.append([make_record(2), make_record(0, key=other_stream)])
            assert await offsets(journal) == [0, 1, 2]

    async def test_names_that_no_store_could_keep_are_refused(self) -> None:
        async with self.opened() as journal:
            for name in ("", "a\0b", "\ud800"):
                for key in (replace(KEY, tenant=name), replace(KEY, room=name), replace(KEY, stream=name)):
                    try:
                        await journal.append([make_record(0), make_record(0, key=key)])
                    except ValueError:
                        continue
                    raise AssertionError(f"accepted {key}")
            assert await journal.rooms("default") == []

    async def test_pages_cover_the_stream_in_order(self) -> None:
        records = [make_record(offset * 3, data=bytes(offset)) for offset in range(200)]
        async with self.opened() as journal:
            await journal.append(records)
            for max_bytes in (1, 100, 1000, 1 << 20):
                assert await read_all(journal, max_bytes=max_bytes) == records
            page = await journal.read(KEY, 299, max_bytes=1000)
            assert sum(record.size_bytes for record in page) <= 1000
            assert page[0].offset == 300
            assert [record.offset for record in await journal.read(KEY, 300, max_bytes=1)] == [303]
            assert await journal.read(KEY, 597) == []
            assert await journal.read(KEY, MAX_OFFSET) == []

    async def test_a_record_larger_than_the_page_comes_alone(self) -> None:
        async with self.opened() as journal:
            await journal.append([make_record(0, data=bytes(5000)), make_record(1)])
            assert [record.offset for record in await journal.read(KEY, max_bytes=100)] == [0]

    async def test_removal_up_to_an_offset_keeps_the_rest_and_the_head(self) -> None:
        async with self.opened() as journal:
            await journal.append([make_record(offset) for offset in (0, 1, 4, 6)])
            await journal.remove(KEY, upto=3)
            await journal.remove(KEY, upto=3)
            await journal.remove(KEY, upto=1)
            assert await offsets(journal) == [4, 6]
            assert await journal.head(KEY) == 6
            await journal.remove(KEY, upto=100)
            assert await offsets(journal) == []
            assert await journal.head(KEY) == 6
            await self.refuses(journal, make_record(6))
            await journal.append([make_record(7)])
            assert await offsets(journal) == [7]

    async def test_a_long_removal_is_complete(self) -> None:
        async with self.opened() as journal:
            await journal.append([make_record(offset) for offset in range(2500)])
            await journal.remove(KEY, upto=2400)
            assert await offsets(journal) == list(range(2401, 2500))

    async def test_single_records_are_removed(self) -> None:
        async with self.opened() as journal:
            await journal.append([make_record(offset) for offset in (0, 2, 3, 5, 8)])
            await journal.remove_offsets(KEY, [3, 4, 99])
            await journal.remove_offsets(KEY, [3])
            assert await offsets(journal) == [0, 2, 5, 8]
            await journal.remove_offsets(KEY, [0, 8])
            assert await offsets(journal) == [2, 5]
            assert await journal.head(KEY) == 8
            await self.refuses(journal, make_record(3))
            await journal.append([make_record(9)])
            await journal.remove_offsets(KEY, [2, 5, 9])
            assert await offsets(journal) == []
            assert await journal.head(KEY) == 9

    async def test_both_kinds_of_removal_go_together(self) -> None:
        async with self.opened() as journal:
            await journal.append([make_record(offset) for offset in range(8)])
            await journal.remove_offsets(KEY, [1, 5])
            await journal.remove(KEY, upto=2)
            await journal.remove_offsets(KEY, [1, 3])
            assert await offsets(journal) == [4, 6, 7]
            assert await journal.read(KEY, 4, max_bytes=1) == [make_record(6)]

    async def test_rooms_are_listed_by_tenant_prefix_and_page(self) -> None:
        names = sorted(["a", "a/b", "a/c", "a\U0010ffff", "b", "ab", "A", "ä", "\ud7ff", "\ue000", "a%"])
        async with self.opened() as journal:
            for tenant in ("t", "u"):
                await journal.append([make_record(0, key=StreamKey(tenant, name, "doc")) for name in names])
            await journal.append([make_record(0, key=StreamKey("t", "a", "doc.held"))])
            assert await journal.rooms("t") == names
            for prefix in ("a", "a/", "A", "\ud7ff", "a\U0010ffff", "\U0010ffff", "zz"):
                expected = [name for name in names if name.startswith(prefix)]
                assert await journal.rooms("t", prefix) == expected
            assert await journal.rooms("t", after=names[2], limit=3) == names[3:6]
            assert await journal.rooms("t", "a", after="a/b", limit=2) == ["a/c", "ab"]

    async def test_a_room_without_records_is_still_listed(self) -> None:
        async with self.opened() as journal:
            await journal.append([make_record(0)])
            await journal.remove(KEY, upto=0)
            assert await journal.rooms("default") == [KEY.room]
            assert await journal.streams("default", KEY.room) == [StreamInfo("doc", 0, 0, 0)]

    async def test_streams_say_what_they_hold(self) -> None:
        held = replace(KEY, stream="doc.held")
        async with self.opened() as journal:
            await journal.append([make_record(offset, data=bytes(100)) for offset in range(4)])
            await journal.append([make_record(offset, key=held) for offset in range(3)])
            await journal.remove(KEY, upto=0)
            await journal.remove_offsets(held, [1])
            authors = len(make_record(0).authors)
            assert await journal.streams("default", KEY.room) == [
                StreamInfo("doc", 3, 3 * (100 + authors), 3),
                StreamInfo("doc.held", 2, 2 * (4 + authors), 2),
            ]

    async def test_a_deleted_room_is_gone_and_may_begin_again(self) -> None:
        other = replace(KEY, room="other")
        async with self.opened() as journal:
            await journal.append([make_record(offset) for offset in range(1200)])
            await journal.append([make_record(0, key=other), make_record(0, key=replace(KEY, stream="x"))])
            await journal.delete_room(KEY.tenant, KEY.room)
            await journal.delete_room(KEY.tenant, KEY.room)
            assert await journal.rooms("default") == ["other"]
            assert await journal.head(KEY) is None
            assert await journal.read(KEY) == []
            await journal.append([make_record(0, data=b"again")])
            assert [record.data for record in await read_all(journal)] == [b"again"]
            assert await offsets(journal, other) == [0]
            assert await journal.verify() == []

    async def test_overlapping_calls_take_effect_in_order(self) -> None:
        async with self.opened() as journal:
            appends = (journal.append([make_record(offset)]) for offset in range(50))
            await asyncio.gather(*appends, journal.read(KEY), journal.head(KEY))
            assert await offsets(journal) == list(range(50))

    async def test_an_append_finishes_though_the_caller_is_cancelled(self) -> None:
        async with self.opened() as journal:
            await journal.append([make_record(0)])
            task = asyncio.ensure_future(journal.append([make_record(1), make_record(2)]))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await journal.append([make_record(1), make_record(2)])
            await journal.append([make_record(3)])
            assert await offsets(journal) == [0, 1, 2, 3]

    async def test_verify_finds_nothing_wrong(self) -> None:
        async with self.opened() as journal:
            assert await journal.verify() == []
            await journal.append([make_record(offset) for offset in range(20)])
            await journal.remove_offsets(KEY, [5, 7])
            await journal.remove(KEY, upto=2)
            assert await journal.verify() == []

    async def test_close_may_be_called_twice_and_without_open(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            journal = self.make_journal(Path(directory))
            await journal.close()
            await journal.open()
            await journal.close()
            await journal.close()

    async def test_all_is_there_after_a_restart(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            journal = self.make_journal(Path(directory))
            await journal.open()
            await journal.append([make_record(offset) for offset in range(10)])
            await journal.append([make_record(0, key=replace(KEY, room="emptied"))])
            await journal.remove(KEY, upto=3)
            await journal.remove_offsets(KEY, [6])
            await journal.remove(replace(KEY, room="emptied"), upto=0)
            await journal.close()
            if self.durable:
                journal = self.make_journal(Path(directory))
            await journal.open()
            try:
                assert await read_all(journal) == [make_record(offset) for offset in (4, 5, 7, 8, 9)]
                assert await journal.rooms("default") == [KEY.room, "emptied"]
                assert await journal.head(replace(KEY, room="emptied")) == 0
                await self.refuses(journal, make_record(6))
                await journal.append([make_record(9), make_record(10)])
                assert await journal.head(KEY) == 10
                assert await journal.verify() == []
            finally:
                await journal.close()
