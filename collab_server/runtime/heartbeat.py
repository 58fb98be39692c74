"""The one clock that looks after all sessions and rooms: keep-alives, pings, expiry.

Owns the pace alone; what is due is decided by the session and the room.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from collab_server.observability import Event, get_logger
from collab_server.protocol.close_codes import CloseReason
from collab_server.runtime.room_runner import RoomRunner
from collab_server.runtime.session import Session

_log = get_logger(__name__)

#: Sessions are looked at in this many portions a second, so that ten thousand do not make one long step.
_PORTIONS = 10
_SESSION_PERIOD_SECONDS = 1.0
_ROOM_PERIOD_SECONDS = 5.0


class Heartbeat:
    """Runs until cancelled."""

    def __init__(
        self,
        sessions: Callable[[], Iterable[Session]],
        rooms: Callable[[], Iterable[RoomRunner]],
    ) -> None:
        self._sessions = sessions
        self._rooms = rooms

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        step = _SESSION_PERIOD_SECONDS / _PORTIONS
        due = loop.time() + step
        portions = self._session_portions()
        rooms_due = due
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            now = loop.time()
            # After a long stall the missed beats are not made up for.
            due = max(due + step, now)
            for session in next(portions):
                self._tick(session, now)
            if now >= rooms_due:
                rooms_due = now + _ROOM_PERIOD_SECONDS
                await self._expire(now)

    def _session_portions(self) -> Iterator[list[Session]]:
        while True:
            sessions = list(self._sessions())
            rest = iter(sessions)
            for _ in range(_PORTIONS):
                yield list(islice(rest, -(-len(sessions) // _PORTIONS)))

    async def _expire(self, now: float) -> None:
        for count, runner in enumerate(self._rooms(), start=1):
            if not runner.closed:
                self._expire_room(runner, now)
            if count % 100 == 0:
                await asyncio.sleep(0)

    @staticmethod
    def _tick(session: Session, now: float) -> None:
        try:
            session.tick(now)
        except Exception:  # noqa: BLE001
            # A mistake with one session must not end the keep-alives of all.
            _log.exception(Event.TASK_FAILED, task="tick", session=session.id)
            session.close(CloseReason.INTERNAL)

    @staticmethod
    def _expire_room(runner: RoomRunner, now: float) -> None:
        try:
            runner.expire(now)
        except Exception:  # noqa: BLE001
            _log.exception(Event.TASK_FAILED, task="expire", room=str(runner.key))
