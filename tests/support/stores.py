"""A journal that passes every call on and lets a test put something around it: a failure, a delay, a check.

Knows the port `Journal` and nothing of who uses it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Any, TypeVar

from collab_storage import Damage, Journal, Record, StreamInfo, StreamKey, UnavailableError
from collab_storage.journal import DEFAULT_PAGE_BYTES

T = TypeVar("T")
Call = Callable[[], Awaitable[Any]]
#: Given the name of a call and the call itself, makes the call, or does not, and returns its result.
Around = Callable[[str, Call], Awaitable[Any]]


class WatchedJournal:
    """Implements `Journal` around `inner`."""

    def __init__(self, inner: Journal, around: Around) -> None:
        self._inner = inner
        self._around = around

    async def open(self) -> None:
        await self._around("open", self._inner.open)

    async def close(self) -> None:
        await self._around("close", self._inner.close)

    async def append(self, records: Sequence[Record]) -> None:
        await self._around("append", partial(self._inner.append, records))

    async def read(
        self, key: StreamKey, after: int = -1, *, max_bytes: int = DEFAULT_PAGE_BYTES
    ) -> list[Record]:
        call = partial(self._inner.read, key, after, max_bytes=max_bytes)
        return list(await self._around("read", call))

    async def head(self, key: StreamKey) -> int | None:
        head: int | None = await self._around("head", partial(self._inner.head, key))
        return head

    async def remove(self, key: StreamKey, *, upto: int) -> None:
        await self._around("remove", partial(self._inner.remove, key, upto=upto))

    async def remove_offsets(self, key: StreamKey, offsets: Collection[int]) -> None:
        await self._around("remove_offsets", partial(self._inner.remove_offsets, key, offsets))

    async def rooms(self, tenant: str, prefix: str = "", *, after: str = "", limit: int = 1000) -> list[str]:
        call = partial(self._inner.rooms, tenant, prefix, after=after, limit=limit)
        return list(await self._around("rooms", call))

    async def streams(self, tenant: str, room: str) -> list[StreamInfo]:
        return list(await self._around("streams", partial(self._inner.streams, tenant, room)))

    async def delete_room(self, tenant: str, room: str) -> None:
        await self._around("delete_room", partial(self._inner.delete_room, tenant, room))

    async def verify(self) -> list[Damage]:
        return list(await self._around("verify", self._inner.verify))


class FailNth:
    """Fails one call, the n-th (from 1), before it is made or after it took effect."""

    def __init__(self, nth: int, *, after_effect: bool) -> None:
        self._left = nth
        self._after_effect = after_effect
        self.failed: str | None = None

    async def __call__(self, name: str, call: Call) -> Any:
        self._left -= 1
        if self._left != 0:
            return await call()
        self.failed = name
        if self._after_effect:
            await call()
        raise UnavailableError(f"{name} fails for the test")
