"""`MemoryJournal`: the journal port in a dictionary, for tests and for servers that keep nothing.

The simplest form of the rules; durable for as long as the object lives, also across `close` and `open`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence

from collab_storage.errors import ConflictError
from collab_storage.journal import DEFAULT_PAGE_BYTES
from collab_storage.records import Damage, Record, StreamInfo, StreamKey, check_key


class _Stream:
    """Records by offset, their offsets in order, and the highest offset ever."""

    __slots__ = ("head", "offsets", "records")

    def __init__(self) -> None:
        self.records: dict[int, Record] = {}
        self.offsets: list[int] = []
        self.head = -1

    def drop(self, offsets: Collection[int]) -> None:
        gone = set(offsets)
        self.offsets = [offset for offset in self.offsets if offset not in gone]
        self.records = {offset: self.records[offset] for offset in self.offsets}


class MemoryJournal:
    """Implements `Journal`."""

    def __init__(self) -> None:
        self._streams: dict[StreamKey, _Stream] = {}

    async def open(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do; the records stay."""

    async def append(self, records: Sequence[Record]) -> None:
        for record in self._new(records):
            stream = self._streams.setdefault(record.key, _Stream())
            stream.records[record.offset] = record
            stream.offsets.append(record.offset)
            stream.head = record.offset

    def _new(self, records: Sequence[Record]) -> list[Record]:
        """Those that are not stored yet. Raises ConflictError before anything changed."""
        pending: dict[StreamKey, dict[int, Record]] = {}
        for record in records:
            check_key(record.key)
            stream = self._streams.get(record.key) or _Stream()
            batch = pending.setdefault(record.key, {})
            if record.offset > max(batch, default=stream.head):
                batch[record.offset] = record
            elif (batch.get(record.offset) or stream.records.get(record.offset)) != record:
                raise ConflictError.of(record)
        return [record for batch in pending.values() for record in batch.values()]

    async def read(
        self, key: StreamKey, after: int = -1, *, max_bytes: int = DEFAULT_PAGE_BYTES
    ) -> list[Record]:
        page: list[Record] = []
        stream = self._streams.get(key) or _Stream()
        for offset in stream.offsets[bisect_right(stream.offsets, after) :]:
            record = stream.records[offset]
            max_bytes -= record.size_bytes
            if page and max_bytes < 0:
                break
            page.append(record)
        return page

    async def head(self, key: StreamKey) -> int | None:
        stream = self._streams.get(key)
        return stream.head if stream else None

    async def remove(self, key: StreamKey, *, upto: int) -> None:
        if stream := self._streams.get(key):
            stream.drop(stream.offsets[: bisect_right(stream.offsets, upto)])

    async def remove_offsets(self, key: StreamKey, offsets: Collection[int]) -> None:
        if stream := self._streams.get(key):
            stream.drop(offsets)

    async def rooms(self, tenant: str, prefix: str = "", *, after: str = "", limit: int = 1000) -> list[str]:
        names = {key.room for key in self._streams if key.tenant == tenant}
        return sorted(name for name in names if name.startswith(prefix) and name > after)[:limit]

    async def streams(self, tenant: str, room: str) -> list[StreamInfo]:
        found = [
            StreamInfo(
                stream=key.stream,
                records=len(stream.records),
                size_bytes=sum(record.size_bytes for record in stream.records.values()),
                head=stream.head,
            )
            for key, stream in self._streams.items()
            if (key.tenant, key.room) == (tenant, room)
        ]
        return sorted(found, key=lambda info: info.stream)

    async def delete_room(self, tenant: str, room: str) -> None:
        for key in [key for key in self._streams if (key.tenant, key.room) == (tenant, room)]:
            del self._streams[key]

    async def verify(self) -> list[Damage]:
        return []
