"""`MemoryBases`: the port of bases in a dictionary, for tests and for servers that keep nothing.

The simplest form of the rules; durable for as long as the object lives, also across `close` and `open`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from collab_storage.bases import CHUNK_BYTES, Base, Quarantined, check_base
from collab_storage.errors import GoneError
from collab_storage.records import Damage, check_room

WHERE = "memory"

_Room = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Held:
    base: Base
    table: bytes
    data: bytes


class MemoryBases:
    """Implements `Bases`. `put` and `quarantine` stand for what workers write."""

    def __init__(self) -> None:
        self._held: dict[int, _Held] = {}
        self._quarantine: dict[int, tuple[Quarantined, bytes]] = {}
        self._last_id = 0

    def put(
        self,
        *,
        tenant: str,
        room: str,
        offset: int,
        head: bytes,
        table: bytes,
        data: Iterable[bytes],
        time: float,
    ) -> Base:
        """As `sqlite.write_base`."""
        check_base(tenant, room, offset)
        whole = b"".join(data)
        base = Base(tenant, room, self._next_id(), offset, head, len(whole), len(table), time)
        for other in self._of(tenant, room):
            if other.offset == offset:
                del self._held[other.id]
        self._held[base.id] = _Held(base, bytes(table), whole)
        return base

    def quarantine(
        self, *, tenant: str, room: str, offset: int, reason: str, data: bytes, time: float
    ) -> Quarantined:
        """As `sqlite.quarantine`."""
        check_room(tenant, room)
        for entry, held in self._quarantine.values():
            name = (entry.tenant, entry.room, entry.offset, entry.reason)
            if (name, held) == ((tenant, room, offset, reason), data):
                return entry
        entry = Quarantined(tenant, room, self._next_id(), offset, reason, len(data), time)
        self._quarantine[entry.id] = entry, data
        return entry

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    async def open(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do; the bases stay."""

    async def newest(self, tenant: str, room: str) -> Base | None:
        return max(self._of(tenant, room), key=lambda base: base.offset, default=None)

    def _of(self, tenant: str, room: str) -> list[Base]:
        bases = (held.base for held in self._held.values())
        return [base for base in bases if (base.tenant, base.room) == (tenant, room)]

    async def table(self, base: Base) -> bytes:
        return self._find(base).table

    async def chunk(self, base: Base, number: int) -> bytes:
        size, start = base.chunk_bytes(number), number * CHUNK_BYTES
        return self._find(base).data[start : start + size]

    def _find(self, base: Base) -> _Held:
        held = self._held.get(base.id)
        if held is None or held.base != base:
            raise GoneError(f"base {base.id}", where=WHERE, tenant=base.tenant, room=base.room)
        return held

    async def drop_older(self, tenant: str, room: str, *, than: int) -> None:
        for base in self._of(tenant, room):
            if base.offset < than:
                del self._held[base.id]

    async def check(self, base: Base) -> None:
        self._find(base)

    async def drop(self, base: Base) -> None:
        self._held.pop(base.id, None)

    async def rooms(self, tenant: str, prefix: str = "", *, after: str = "", limit: int = 1000) -> list[str]:
        names = {held.base.room for held in self._held.values() if held.base.tenant == tenant}
        return sorted(name for name in names if name.startswith(prefix) and name > after)[:limit]

    async def quarantined(
        self, tenant: str, room: str, *, after: int = 0, limit: int = 1000
    ) -> list[Quarantined]:
        entries = (entry for entry, _ in self._quarantine.values() if entry.id > after)
        return [entry for entry in entries if (entry.tenant, entry.room) == (tenant, room)][:limit]

    async def quarantined_data(self, entry: Quarantined) -> bytes:
        if entry.id not in self._quarantine:
            raise GoneError(f"entry {entry.id}", where=WHERE, tenant=entry.tenant, room=entry.room)
        return self._quarantine[entry.id][1]

    async def delete_room(self, tenant: str, room: str) -> None:
        for base in self._of(tenant, room):
            del self._held[base.id]
        for entry in await self.quarantined(tenant, room, limit=len(self._quarantine)):
            del self._quarantine[entry.id]

    async def verify(self) -> list[Damage]:
        return []
