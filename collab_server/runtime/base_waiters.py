"""Sessions that wait until a room can tell them what they lack: for the base to be read, for the deleted
ranges to be encoded.

Owns the waiting of one room. What a session is sent then is `readers`'.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from collab_storage import Base as StoredBase
from collab_storage import StorageError

from collab_server.errors import InvalidUpdate
from collab_server.observability.events import Event
from collab_server.observability.log import get_logger
from collab_server.protocol.close_codes import CloseReason
from collab_server.rooms.room import Room
from collab_server.runtime.base_cache import BaseCache
from collab_server.runtime.slices import Slices
from collab_server.runtime.tasks import TaskOwner
from collab_server.types import RoomKey, StateVector
from collab_server.updates import Base

if TYPE_CHECKING:
    from collab_server.runtime.session import Session

_log = get_logger(__name__)

#: What is done for a session once the base is there.
Then = Callable[["Session", Base | None], None]


class BaseWaiters:
    """Calls back with the base. `stored` is the one that the room's tail follows on."""

    def __init__(
        self,
        key: RoomKey,
        room: Room,
        *,
        stored: StoredBase | None,
        bases: BaseCache,
        tasks: TaskOwner,
        flush: Callable[[], None],
    ) -> None:
        """`flush` leaves nothing pending in the room."""
        self.stored = stored
        self._key = key
        self._room = room
        self._bases = bases
        self._tasks = tasks
        self._flush = flush
        #: Who waits, at which state vector, and what is done then; apart, whether it is to catch up.
        self._waiting: dict[tuple[Session, bool], tuple[StateVector, Then]] = {}
        self._loading = False

    def __len__(self) -> int:
        """How many sessions wait."""
        return len({session for session, _ in self._waiting})

    def remove(self, session: Session) -> None:
        self._waiting.pop((session, False), None)
        self._waiting.pop((session, True), None)

    def clear(self) -> None:
        self._waiting.clear()

    def ask(self, who: tuple[Session, bool], state_vector: StateVector, then: Then) -> None:
        """Go on at once if everything is at hand; else once the base is read and the ranges are encoded.

        `who` is the session, and whether it is to catch up; what it asks for again takes the first's place.
        """
        if who in self._waiting:
            # Not looked at: it may have been asked eight hundred times at once.
            self._waiting[who] = state_vector, then
            return
        needs_base = self._room.needs_base(state_vector)
        base = self._cached() if needs_base else None
        if (base is not None or not needs_base) and self._room.prepare_step_2():
            then(who[0], base)
            return
        self._waiting[who] = state_vector, then
        if not self._loading:
            self._loading = True
            self._tasks.start(self._load(), name=f"load base {self._key}")

    def _cached(self) -> Base | None:
        assert self.stored is not None
        return self._bases.get(self.stored)

    async def _load(self) -> None:
        try:
            while self._waiting:
                stored, base = self.stored, None
                if self._somebody_needs_base():
                    assert stored is not None
                    try:
                        base = await self._bases.load(stored)
                    except (StorageError, InvalidUpdate) as error:
                        if stored is self.stored:
                            self._give_up(error)
                        continue  # else a newer one has taken its place meanwhile
                await self._prepare()
                await self._go_on(stored, base)
        finally:
            self._loading = False

    def _somebody_needs_base(self) -> bool:
        return any(self._room.needs_base(state_vector) for state_vector, _ in self._waiting.values())

    async def _prepare(self) -> None:
        """Step by step, so that the deletions of a large document hold up nobody's edits."""
        self._flush()
        while not self._room.prepare_step_2():
            await asyncio.sleep(0)
            # What came meanwhile is in the answer too.
            self._flush()

    async def _go_on(self, stored: StoredBase | None, base: Base | None) -> None:
        """One after the other, with the loop for others in between: an answer can take milliseconds, and
        after a restart a whole school waits for one.
        """
        slices = Slices()
        while self._waiting and stored is self.stored:
            who, (state_vector, then) = next(iter(self._waiting.items()))
            if base is None and self._room.needs_base(state_vector):
                return
            del self._waiting[who]
            self._tell(who[0], then, base)
            await slices.pause()
            await self._prepare()

    @staticmethod
    def _tell(session: Session, then: Then, base: Base | None) -> None:
        # Whoever came first may have made others leave.
        if session.closing:
            return
        try:
            then(session, base)
        except Exception:  # noqa: BLE001
            # A mistake with one session must not leave all others without an answer.
            _log.exception(Event.TASK_FAILED, task="answer", session=session.id)
            session.close(CloseReason.INTERNAL)

    def _give_up(self, error: Exception) -> None:
        _log.error(Event.BASE_UNREADABLE, room=str(self._key), error=str(error))
        waiting, self._waiting = self._waiting, {}
        for session, _ in waiting:
            session.close(CloseReason.TRY_AGAIN, "The document cannot be read right now.")
