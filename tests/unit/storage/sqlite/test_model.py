"""Any order of calls, restarts and crashes against a dictionary.

The limits that the product sets to thousands are a handful here, so that a few steps take every path.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from unittest import mock

from collab_storage import ConflictError, Record, RecordKind, StreamKey
from collab_storage.sqlite import SqliteJournal, places, writer
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

ROOMS = ("a", "a/b", "ä")
KEYS = [StreamKey("default", room, stream) for room in ROOMS for stream in ("doc", "doc.held")]

keys = st.sampled_from(KEYS)
steps = st.lists(st.tuples(keys, st.integers(1, 3), st.binary(max_size=40)), min_size=1, max_size=9)

SMALL_LIMITS = (
    mock.patch.object(places, "PLACING_ROWS", 10),
    mock.patch.object(writer, "REMOVAL_ROWS", 3),
    mock.patch.object(writer, "STATEMENT_ROWS", 4),
    mock.patch.object(writer, "REMEMBERED_STREAMS", 3),
)


class JournalMachine(RuleBasedStateMachine):
    """`kept` is what is stored, `heads` the highest offset that each stream ever held."""

    def __init__(self) -> None:
        super().__init__()
        for limit in SMALL_LIMITS:
            limit.start()
        self.directory = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.kept: dict[StreamKey, dict[int, Record]] = {}
        self.heads: dict[StreamKey, int] = {}
        self.last_batch: list[Record] = []
        self.start()

    def start(self) -> None:
        self.journal = SqliteJournal(self.directory / "journal.db", synchronous="off")
        self.runner.run(self.journal.open())

    def teardown(self) -> None:
        self.runner.run(self.journal.close())
        self.runner.close()
        shutil.rmtree(self.directory)
        for limit in SMALL_LIMITS:
            limit.stop()

    @rule(steps=steps)
    def append(self, steps: list[tuple[StreamKey, int, bytes]]) -> None:
        batch: list[Record] = []
        for key, distance, data in steps:
            offset = self.heads.get(key, -1) + distance
            record = Record(key.tenant, key.room, key.stream, offset, RecordKind.DELTA, data, b"[]", 1.5)
            batch.append(record)
            self.heads[key] = offset
            self.kept.setdefault(key, {})[offset] = record
        self.runner.run(self.journal.append(batch))
        self.last_batch = batch

    @precondition(lambda self: self.last_batch)
    @rule()
    def append_again(self) -> None:
        if all(self.kept.get(record.key, {}).get(record.offset) == record for record in self.last_batch):
            self.runner.run(self.journal.append(self.last_batch))

    @precondition(lambda self: self.heads)
    @rule(key=keys, back=st.integers(0, 4), other=keys)
    def conflict(self, key: StreamKey, back: int, other: StreamKey) -> None:
        """A batch that begins well and ends with what cannot be."""
        if key not in self.heads:
            return
        offset = max(self.heads[key] - back, 0)
        wrong = Record(key.tenant, key.room, key.stream, offset, RecordKind.EVENT, b"other", b"[]", 2.5)
        fresh = wrong._replace(
            room=other.room, stream=other.stream, offset=max(self.heads.get(other, -1), offset) + 1
        )
        try:
            self.runner.run(self.journal.append([fresh, wrong]))
        except ConflictError:
            return
        raise AssertionError(f"accepted {wrong}")

    @rule(key=keys, upto=st.integers(0, 40))
    def remove(self, key: StreamKey, upto: int) -> None:
        self.runner.run(self.journal.remove(key, upto=upto))
        rows = self.kept.get(key, {})
        for offset in [offset for offset in rows if offset <= upto]:
            del rows[offset]

    @rule(key=keys, offsets=st.sets(st.integers(0, 40), max_size=6))
    def remove_offsets(self, key: StreamKey, offsets: set[int]) -> None:
        self.runner.run(self.journal.remove_offsets(key, offsets))
        for offset in offsets:
            self.kept.get(key, {}).pop(offset, None)

    @rule(room=st.sampled_from(ROOMS))
    def delete_room(self, room: str) -> None:
        self.runner.run(self.journal.delete_room("default", room))
        for key in [key for key in self.heads if key.room == room]:
            del self.heads[key]
            self.kept.pop(key, None)

    @rule()
    def restart(self) -> None:
        self.runner.run(self.journal.close())
        self.start()

    @rule()
    def crash(self) -> None:
        """The process ends without having said anything to the file."""
        with mock.patch.object(writer.Writer, "finish"):
            self.runner.run(self.journal.close())
        self.start()

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        self.runner.run(self.compare())

    async def compare(self) -> None:
        for key in KEYS:
            rows = sorted(self.kept.get(key, {}).values(), key=lambda record: record.offset)
            assert await self.journal.read(key) == rows
            assert await self.journal.head(key) == self.heads.get(key)
            if rows:
                assert await self.journal.read(key, rows[0].offset) == rows[1:]
        assert await self.journal.rooms("default") == sorted({key.room for key in self.heads})
        for room in ROOMS:
            found = {
                info.stream: (info.records, info.head) for info in await self.journal.streams("default", room)
            }
            assert found == {
                key.stream: (len(self.kept[key]), head)
                for key, head in self.heads.items()
                if key.room == room
            }
        assert await self.journal.verify() == []


TestJournalMachine = JournalMachine.TestCase
TestJournalMachine.settings = settings(
    max_examples=30,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
