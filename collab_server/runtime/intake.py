"""What a session sends, in its order: while one update is awaited, everything after it waits, and nobody
else does.

Owns the waiting: until the session is in its room, while a large update is scanned elsewhere, while a room
has to be audited. What a message is, and what follows a refusal, is the session's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from collab_server.errors import InvalidUpdate
from collab_server.protocol.close_codes import CloseReason
from collab_server.rooms.outcomes import NeedsAudit
from collab_server.runtime.scanner import Scanned, Scanner
from collab_server.updates import Update

if TYPE_CHECKING:
    from collab_server.runtime.session import Session


class Intake:
    """Of one session. Blocked from the start; nothing is read from the connection while it is."""

    __slots__ = ("_inbox", "_parked", "_scanner", "_session", "blocked")

    def __init__(self, session: Session, scanner: Scanner) -> None:
        self.blocked = True
        self._session = session
        self._scanner = scanner
        self._inbox: list[bytes] = []
        #: An update that was scanned and waits, its size, and whether it is a step 2.
        self._parked: tuple[Update, int, bool] | None = None

    # --- waiting ---

    def keep(self, payload: bytes) -> None:
        """A message came meanwhile. They are few: the connection is not read."""
        if self._session.closing:
            return
        self._inbox.append(payload)
        self._session.connection.pause_reading()

    def _block(self) -> None:
        self.blocked = True
        self._session.connection.pause_reading()

    def unblock(self) -> None:
        """Go on with what has waited, and read again."""
        self.blocked = False
        parked, self._parked = self._parked, None
        if parked is not None:
            self._take_guarded(*parked)
        inbox, self._inbox = self._inbox, []
        for message in inbox:
            # One of them may have to wait again, or end the session; then the rest waits behind it.
            self._session.message(message)
        self._session.read_on()

    def clear(self) -> None:
        """The session ends: nothing more is taken."""
        self.blocked = True
        self._parked = None
        self._inbox.clear()

    # --- updates ---

    def update(self, body: bytes) -> None:
        """Raises InvalidUpdate."""
        if len(body) > self._scanner.inline_bytes:
            self._scan_elsewhere(body, step_2=False)
        else:
            self._take(self._scanner.scan(body), len(body))

    def step_2(self, body: bytes) -> None:
        """Raises InvalidUpdate."""
        if len(body) <= self._scanner.inline_bytes:
            self._take(self._scanner.scan(body), len(body), step_2=True)
            return
        update = self._scanner.scan_known(body, self._session.room.room.deletes)
        if update is None:
            self._scan_elsewhere(body, step_2=True)
        else:
            self._take(update, 0, step_2=True)

    def _scan_elsewhere(self, body: bytes, *, step_2: bool) -> None:
        self._block()
        self._scanner.scan_elsewhere(body, lambda result: self._scanned(result, body, step_2))

    def _scanned(self, result: Scanned, body: bytes, step_2: bool) -> None:
        session = self._session
        if session.closing:
            return
        if result is None:
            session.close(CloseReason.TRY_AGAIN, "The server cannot check so large an update right now.")
        elif isinstance(result, InvalidUpdate):
            session.refuse_update(result)
            if not session.closing:
                self.unblock()
        else:
            update = self._scanner.leave_out_known(result, body, session.room.room.deletes)
            self._parked = update, len(body), step_2
            self.unblock()

    def _take(self, update: Update, size: int, step_2: bool = False) -> None:
        """Hand a scanned update on, or wait with it. Raises InvalidUpdate."""
        session = self._session
        try:
            if step_2:
                self._take_step_2(update, size)
            else:
                session.room.receive(session, update, size)
        except NeedsAudit:
            self._parked = update, size, step_2
            self._block()
            session.room.wait_for_audit(session)

    def _take_step_2(self, update: Update, size: int) -> None:
        session = self._session
        try:
            # Before it counts as an answer; what is refused is one too.
            session.room.room.check(update, size)
        except InvalidUpdate:
            session.member.answered()
            raise
        session.member.answered()
        session.room.receive(session, update, size)
        session.settle_after_step_2()

    def _take_guarded(self, update: Update, size: int, step_2: bool) -> None:
        try:
            self._take(update, size, step_2)
        except InvalidUpdate as refusal:
            self._session.refuse_update(refusal)
