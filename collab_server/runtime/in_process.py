"""Compaction without a worker, for a server that keeps everything in memory: there is nothing on a disk to
read, and nothing that a worker's death would save.

Owns reading through the ports. Holds up the loop no more than other threads do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Protocol

from collab_storage import Base, Bases, Journal, StreamKey

from collab_server.runtime.compactor import Compact
from collab_server.types import RoomKey
from collab_server.updates.compaction import compact


class Put(Protocol):
    """`MemoryBases.put`."""

    def __call__(
        self,
        *,
        tenant: str,
        room: str,
        offset: int,
        head: bytes,
        table: bytes,
        data: Iterable[bytes],
        time: float,
    ) -> Base: ...


def compact_in_process(journal: Journal, bases: Bases, put: Put, *, stream: str) -> Compact:
    """A `Compact` over stores in memory."""

    async def run(key: RoomKey, upto: int, size_bytes: int) -> None:
        former = await bases.newest(key.tenant, key.room)
        updates: list[bytes] = []
        if former is not None:
            updates.append(b"".join([await bases.chunk(former, n) for n in range(former.chunks)]))
        after = -1 if former is None else former.offset
        while after < upto:
            page = await journal.read(StreamKey(key.tenant, key.room, stream), after=after)
            updates += [record.data for record in page if record.offset <= upto]
            after = page[-1].offset if page else upto
        made = await asyncio.to_thread(compact, updates)
        put(
            tenant=key.tenant,
            room=key.room,
            offset=upto,
            head=made.head.encode(),
            table=made.table.encode(),
            data=made.pieces,
            time=time.time(),
        )

    return run
