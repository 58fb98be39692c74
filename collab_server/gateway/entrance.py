"""What happens between a finished handshake and an open session: the room's name, who it is, the room itself.

Owns that order, its deadline, and the pause that follows misbehaviour. Accept first, refuse after: a browser
cannot see an HTTP status on an upgrade, it can see a close code.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict

from collab_server.config import ListenSettings, SessionSettings
from collab_server.errors import BadRoomName, RoomUnavailable, UnavailableError
from collab_server.gateway.auth import AuthenticationError, Authenticator
from collab_server.observability.metrics import Metrics
from collab_server.protocol.close_codes import CloseReason
from collab_server.protocol.room_names import room_from_path
from collab_server.runtime.connection import Connection, UpgradeRequest
from collab_server.runtime.persister import Persister
from collab_server.runtime.registry import Registry
from collab_server.runtime.scanner import Scanner
from collab_server.runtime.session import Session, SessionState
from collab_server.runtime.tasks import TaskOwner
from collab_server.types import RoomKey

#: Closed for these, a client waits before it is let in again: older ones would be back ten times a second.
_MISBEHAVIOUR = frozenset({CloseReason.BAD_FRAME, CloseReason.FRAME_TOO_BIG, CloseReason.RATE_LIMITED})
_MAX_PENALTIES = 10_000

#: Who is made to wait after misbehaviour: an address, and the hash of a path.
_Origin = tuple[str, int]


class Entrance:
    """Makes a session for each WebSocket and leads it to its room."""

    def __init__(
        self,
        *,
        registry: Registry,
        persister: Persister,
        authenticator: Authenticator,
        listen: ListenSettings,
        sessions: SessionSettings,
        scanner: Scanner,
        metrics: Metrics,
        tasks: TaskOwner,
    ) -> None:
        self._registry = registry
        self._persister = persister
        self._authenticator = authenticator
        self._base_path = listen.base_path
        self._settings = sessions
        self._scanner = scanner
        self._metrics = metrics
        self._tasks = tasks
        self._penalties: OrderedDict[_Origin, float] = OrderedDict()
        self.sessions: dict[Session, _Origin] = {}
        self.draining = False

    def accept(self, connection: Connection, request: UpgradeRequest) -> Session:
        """The `Acceptor` of the gateway."""
        session = Session(
            secrets.token_urlsafe(9),
            connection,
            settings=self._settings,
            scanner=self._scanner,
            metrics=self._metrics,
            on_end=self._ended,
        )
        self.sessions[session] = _origin(request)
        try:
            is_in = self._admit_at_once(session, request)
        except Exception:
            # The connection is ended by the gateway, which never comes to know the session.
            session.send_away(CloseReason.INTERNAL)
            session.disconnected(None)
            raise
        if not is_in:
            connection.pause_reading()
            self._tasks.start(self._admit(session, request), name=f"admit {session.id}")
        return session

    def _admit_at_once(self, session: Session, request: UpgradeRequest) -> bool:
        """Nearly all join a room that is open, and nothing waits: a task would cost as much as the rest.

        False if something has to wait, or is to be refused.
        """
        if _origin(request) in self._penalties:
            return False
        try:
            room = room_from_path(request.path, base_path=self._base_path)
            identity = self._authenticator.recognise(request, room)
            self._check_open()
        except (BadRoomName, AuthenticationError, RoomUnavailable):
            return False
        if identity is None:
            return False
        runner = self._registry.get(RoomKey(identity.tenant, room))
        if runner is None:
            return False
        session.admit(identity, runner)
        return True

    async def _admit(self, session: Session, request: UpgradeRequest) -> None:
        try:
            async with asyncio.timeout(self._settings.admission_seconds):
                await self._lead_in(session, request)
        except BadRoomName as error:
            session.refuse(CloseReason.FORBIDDEN, str(error))
        except AuthenticationError as error:
            session.refuse(error.reason, str(error))
        except UnavailableError as error:
            session.refuse(CloseReason.TRY_AGAIN, str(error))
        except TimeoutError:
            session.refuse(CloseReason.TIMEOUT, "The room did not open in time.")
        except (Exception, asyncio.CancelledError):
            # Nobody else ends a session that is joining: it would keep its place, unread, for ever.
            session.refuse(CloseReason.INTERNAL, CloseReason.INTERNAL.text)
            session.close(CloseReason.INTERNAL)
            raise

    async def _lead_in(self, session: Session, request: UpgradeRequest) -> None:
        await self._serve_penalty(request)
        room = room_from_path(request.path, base_path=self._base_path)
        identity = await self._authenticator.authenticate(request, room)
        self._check_open()
        runner = await self._registry.open(RoomKey(identity.tenant, room))
        if session.state is SessionState.JOINING:
            session.admit(identity, runner)

    def _check_open(self) -> None:
        """Whether anybody is let in now. Raises RoomUnavailable."""
        if self.draining:
            raise RoomUnavailable("The server is about to restart.")
        if self._persister.overloaded:
            raise RoomUnavailable("The server cannot save right now and takes no more edits.")

    async def _serve_penalty(self, request: UpgradeRequest) -> None:
        until = self._penalties.pop(_origin(request), 0.0)
        await asyncio.sleep(max(0.0, until - asyncio.get_running_loop().time()))

    def _ended(self, session: Session) -> None:
        origin = self.sessions.pop(session)
        if session.reason in _MISBEHAVIOUR:
            until = asyncio.get_running_loop().time() + self._settings.refusal_delay_seconds
            self._penalties[origin] = until
            if len(self._penalties) > _MAX_PENALTIES:
                self._penalties.popitem(last=False)


def _origin(request: UpgradeRequest) -> _Origin:
    # Not the path itself, which can be as long as a request head and is kept.
    return request.remote, hash(request.path)
