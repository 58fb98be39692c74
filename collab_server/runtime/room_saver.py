"""What of one room is handed over to be saved, and who waits until it is durable.

Owns the records and the waiting; writing them is the persister's, what is told of it the runner's.
"""

from __future__ import annotations

import asyncio

from collab_storage import Record, RecordKind, StreamKey

from collab_server.clock import Clock
from collab_server.rooms.outcomes import Authors, Delta, HeldRow
from collab_server.rooms.room import Room
from collab_server.runtime.authors import encode_authors
from collab_server.runtime.persister import Owner, Persister, Removal
from collab_server.types import DOCUMENT_STREAM, HELD_STREAM, RoomKey


class RoomSaver:
    """Saves for one room, on behalf of `owner`, whom the persister tells."""

    def __init__(self, key: RoomKey, room: Room, *, owner: Owner, persister: Persister, clock: Clock) -> None:
        self._key = key
        self._room = room
        self._owner = owner
        self._persister = persister
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._under_way = 0
        self._waiters: list[asyncio.Future[None]] = []

    # --- handing over ---

    def save(self, delta: Delta) -> None:
        """A delta, and what began or ceased to wait with it."""
        record = self._record(DOCUMENT_STREAM, RecordKind.DELTA, delta.version, delta.update, delta.authors)
        rows, gone = self._room.take_held_rows()
        self._submit([record, *map(self._held_record, rows)], gone, version=delta.version)

    def save_held(self) -> None:
        """What began or ceased to wait without a delta."""
        rows, gone = self._room.take_held_rows()
        if rows or gone:
            self._submit(list(map(self._held_record, rows)), gone, version=self._room.version)

    def _submit(self, records: list[Record], gone: list[int], *, version: int) -> None:
        held = StreamKey(self._key.tenant, self._key.room, HELD_STREAM)
        removal = Removal(held, gone) if gone else None
        self._under_way += 1
        self._persister.submit(self._owner, records, version=version, removal=removal)

    def _held_record(self, row: HeldRow) -> Record:
        return self._record(HELD_STREAM, RecordKind.HELD, row.offset, row.update, row.authors)

    def _record(self, stream: str, kind: RecordKind, offset: int, data: bytes, authors: Authors) -> Record:
        return Record(
            tenant=self._key.tenant,
            room=self._key.room,
            stream=stream,
            offset=offset,
            kind=kind,
            data=data,
            authors=encode_authors(authors),
            time=self._clock.wall(),
        )

    # --- durable, or lost ---

    @property
    def all_saved(self) -> bool:
        return self._under_way == 0 and not self._room.has_pending

    def saved(self, version: int) -> None:
        """The persister has told its owner."""
        self._under_way -= 1
        self._room.saved(version)
        self._wake()

    def give_up(self) -> None:
        """The owner is lost: nobody waits any more."""
        self._wake()

    async def wait_all_saved(self) -> None:
        """Until everything of the room is durable, or it is lost."""
        while not self.all_saved and not self._owner.lost:
            await self._next_save()

    async def wait_saved(self, version: int) -> None:
        """Until a version is durable, or the room is lost."""
        while self._room.saved_version < version and not self._owner.lost:
            await self._next_save()

    async def _next_save(self) -> None:
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        await waiter

    def _wake(self) -> None:
        waiting, self._waiters = self._waiters, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
