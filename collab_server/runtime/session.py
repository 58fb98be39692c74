"""One participant of a room over one connection: from its first byte to its close reason.

Owns the order of a session's messages, its marks, and why it ended. It decodes and delegates: rules of the
document are the room's, bytes on the socket the connection's.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from enum import Enum

import structlog

from collab_server.config import SessionSettings
from collab_server.errors import BadMessage, InvalidUpdate, RefusalReason
from collab_server.observability.events import Event
from collab_server.observability.metrics import ClientClose, Metrics
from collab_server.protocol import envelope, messages
from collab_server.protocol.close_codes import CloseReason, reason_of_failure
from collab_server.rooms.member import Member
from collab_server.rooms.room import NeedsAudit
from collab_server.runtime.connection import Connection, Frame, LargeMessage
from collab_server.runtime.marks import MAX_WAITING, Mark, Marks, room_channel_mark, sync_status_mark
from collab_server.runtime.room_runner import RoomRunner
from collab_server.runtime.scanner import Scanned, Scanner
from collab_server.types import Identity, StateVector
from collab_server.updates import Update, decode_state_vector

_log = structlog.get_logger(__name__)

_KEEP_ALIVE = Frame(messages.KEEP_ALIVE)
#: Clients count in it; it is kept until it can be echoed, a thousand at once.
_MAX_SYNC_STATUS_BYTES = 64
#: After a step 2 that took a time t to make, the session's next step 1 is answered so many t later.
_STEP_2_REST = 10
#: The shape of user ids that open access gives out; a client may bring back the one it had.
_MADE_UP_USER = re.compile(r"u_[A-Za-z0-9_-]{6,32}")


class SessionState(Enum):
    """Where a session stands. JOINING covers authentication and the opening of its room."""

    JOINING = "joining"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class Session:
    """Implements `runtime.connection.MessageHandler`."""

    __slots__ = (
        "_blocked",
        "_buffered_before",
        "_bytes_in",
        "_greeted",
        "_handlers",
        "_inbox",
        "_last_taken",
        "_loop",
        "_marks",
        "_may_answer_at",
        "_messages_in",
        "_metrics",
        "_on_end",
        "_opened_at",
        "_parked",
        "_paused_at",
        "_pinged_at",
        "_reason",
        "_refusals",
        "_runner",
        "_scanner",
        "_settings",
        "_waiting_step_1",
        "connection",
        "id",
        "last_sent",
        "member",
        "state",
    )  # fmt: skip

    def __init__(
        self,
        session_id: str,
        connection: Connection,
        *,
        settings: SessionSettings,
        scanner: Scanner,
        metrics: Metrics,
        on_end: Callable[[Session], None],
    ) -> None:
        self.id = session_id
        self.state = SessionState.JOINING
        self.member: Member
        self.connection = connection
        self._runner: RoomRunner | None = None
        self._settings = settings
        self._scanner = scanner
        self._metrics = metrics
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._opened_at = self.last_sent = self._loop.time()
        #: While something is awaited, messages wait in their order and nothing more is read.
        self._blocked = True
        self._inbox: list[bytes] = []
        #: An update that was scanned and waits, its size, and whether it is a step 2.
        self._parked: tuple[Update, int, bool] | None = None
        self._messages_in = 0
        self._bytes_in = 0
        self._marks = Marks()
        self._greeted = False
        self._reason: CloseReason | None = None
        self._paused_at: float | None = None
        self._pinged_at: float | None = None
        self._last_taken = 0.0
        self._buffered_before = 0
        self._refusals = 0
        self._waiting_step_1: StateVector | None = None
        self._may_answer_at = 0.0
        self._handlers = (
            self._on_step_1, self._on_step_2, self._on_update, self._on_awareness, self._on_query,
            self._on_room_channel, self._on_sync_status, self._on_unknown,
        )  # fmt: skip

    # --- joining and leaving ---

    def admit(self, identity: Identity, runner: RoomRunner) -> None:
        """Let the session into its room and read what has waited meanwhile."""
        self.member = Member(self.id, identity)
        self._runner = runner
        self.state = SessionState.OPEN
        self._metrics.sessions_open += 1
        _log.info(Event.SESSION_OPENED, session=self.id, room=str(runner.key), user=identity.user)
        runner.join(self)
        self.unblock()

    def refuse(self, reason: CloseReason, detail: str) -> None:
        """Turn the session away before it is open, late enough that old clients do not hammer."""
        if self.state is not SessionState.JOINING:
            return
        self.state = SessionState.CLOSING
        self._reason = reason
        self._inbox.clear()
        self.connection.pause_reading()
        _log.info(Event.SESSION_REFUSED, session=self.id, reason=reason.label, detail=detail)
        if reason in (CloseReason.UNAUTHENTICATED, CloseReason.FORBIDDEN):
            self.send(Frame(messages.encode_permission_denied(detail)))
        self._loop.call_later(
            self._settings.refusal_delay_seconds, self.connection.close, reason.code, detail
        )

    def close(self, reason: CloseReason, detail: str = "") -> None:
        """End the session. Idempotent: the first reason wins. The room is left at once."""
        if self.closing:
            return
        self.state = SessionState.CLOSING
        self._reason = reason
        self.connection.close(reason.code, detail or reason.text)
        self._leave()

    def send_away(self, reason: CloseReason) -> None:
        """End the session wherever it stands; one that is still joining is not made to wait."""
        if self.state is SessionState.JOINING:
            self._inbox.clear()
            self._reason = reason
            self.state = SessionState.CLOSING
            self.connection.close(reason.code, reason.text)
        else:
            self.close(reason)

    def disconnected(self, code: int | None) -> None:
        """The connection is gone, whoever ended it."""
        if self.state is SessionState.CLOSED:
            return
        self.state = SessionState.CLOSED
        self._leave()
        self._reason = self._reason or reason_of_failure(self.connection.failure)
        reason = self._reason or (ClientClose.CLIENT_LEFT if code else ClientClose.CONNECTION_LOST)
        self._metrics.connections_closed[reason] += 1
        _log.info(
            Event.SESSION_CLOSED,
            session=self.id,
            reason=reason.name.lower(),
            code=code,
            seconds=round(self._loop.time() - self._opened_at, 3),
            messages_in=self._messages_in,
            bytes_in=self._bytes_in,
            **({"refused": self._refusals} if self._refusals else {}),
        )
        self._on_end(self)

    def _leave(self) -> None:
        self._marks.clear()
        self._blocked = True
        self._parked = None
        self._inbox.clear()
        if self._runner is not None:
            runner, self._runner = self._runner, None
            self._metrics.sessions_open -= 1
            runner.leave(self)

    @property
    def closing(self) -> bool:
        """Whether its end has begun."""
        return self.state in (SessionState.CLOSING, SessionState.CLOSED)

    @property
    def reason(self) -> CloseReason | None:
        """Why this side ended the session, if it did."""
        return self._reason

    # --- what comes ---

    def message(self, payload: bytes) -> None:
        if self._blocked:
            self._keep(payload)
            return
        self._messages_in += 1
        self._bytes_in += len(payload)
        self._metrics.frames_received += 1
        self._metrics.bytes_received += len(payload)
        try:
            kind, body = messages.decode(payload)
            self._handlers[kind](body)
        except InvalidUpdate as refusal:
            self._refuse_update(refusal)
        except BadMessage as error:
            self.close(CloseReason.BAD_FRAME, str(error))

    def _block(self) -> None:
        """Keep what comes until `unblock`."""
        self._blocked = True
        self.connection.pause_reading()

    def unblock(self) -> None:
        """Go on with what has waited, and read again."""
        self._blocked = False
        parked, self._parked = self._parked, None
        if parked is not None:
            self._take_guarded(*parked)
        inbox, self._inbox = self._inbox, []
        for message in inbox:
            # One of them may have to wait again, or end the session; then the rest waits behind it.
            self.message(message)
        if not self._blocked and self._paused_at is None:
            self.connection.resume_reading()

    def text_message(self) -> None:
        self.close(CloseReason.BAD_FRAME, "Text messages are not spoken here; send binary ones.")

    def _keep(self, payload: bytes) -> None:
        """The connection is not read meanwhile, so they are few."""
        if self.closing:
            return
        self._inbox.append(payload)
        self.connection.pause_reading()

    def _on_step_1(self, body: bytes) -> None:
        state_vector = decode_state_vector(body)
        if self._waiting_step_1 is not None or self._loop.time() < self._may_answer_at:
            self._answer_later(state_vector)
        else:
            self._answer(state_vector)

    def _answer(self, state_vector: StateVector) -> None:
        self._room.readers.synchronise(self, state_vector)

    def answered(self, seconds: float) -> None:
        """A step 2 costs what the document is large: one session may ask for a share of the time, not all."""
        self._may_answer_at = self._loop.time() + seconds * _STEP_2_REST

    def _answer_later(self, state_vector: StateVector) -> None:
        """Of questions that come too soon the last is answered: it knows all that those before it knew."""
        if self._waiting_step_1 is None:
            self._loop.call_at(self._may_answer_at, self._answer_waiting)
        self._waiting_step_1 = state_vector

    def _answer_waiting(self) -> None:
        if self._waiting_step_1 is None or self._runner is None or self._paused_at is not None:
            return  # answered, gone, or too slow to read more now; then it is answered when it has drained
        state_vector, self._waiting_step_1 = self._waiting_step_1, None
        self._answer(state_vector)

    # --- updates ---

    def _on_step_2(self, body: bytes) -> None:
        self._metrics.updates_received += 1
        if len(body) > self._scanner.inline_bytes:
            self._scan_elsewhere(body, step_2=True)
        else:
            self._take(self._scanner.scan(body), len(body), step_2=True)

    def _on_update(self, body: bytes) -> None:
        self._metrics.updates_received += 1
        if len(body) > self._scanner.inline_bytes:
            self._scan_elsewhere(body, step_2=False)
        else:
            self._take(self._scanner.scan(body), len(body))

    def _scan_elsewhere(self, body: bytes, *, step_2: bool) -> None:
        """What comes after it waits, so that order and marks hold; nobody else does."""
        self._block()
        size = len(body)
        self._scanner.scan_elsewhere(body, lambda result: self._scanned(result, size, step_2))

    def _scanned(self, result: Scanned, size: int, step_2: bool) -> None:
        if self._runner is None:
            return
        if result is None:
            self.close(CloseReason.TRY_AGAIN, "The server cannot check so large an update right now.")
        elif isinstance(result, InvalidUpdate):
            self._refuse_update(result)
            self.unblock()
        else:
            self._parked = result, size, step_2
            self.unblock()

    def _take(self, update: Update, size: int, step_2: bool = False) -> None:
        """Hand a scanned update on, or wait with it. Raises InvalidUpdate."""
        try:
            if step_2:
                self._take_step_2(update, size)
            else:
                self._room.receive(self, update, size)
        except NeedsAudit:
            self._parked = update, size, step_2
            self._block()
            self._room.wait_for_audit(self)

    def _take_step_2(self, update: Update, size: int) -> None:
        try:
            # Before it counts as an answer; what is refused is one too.
            self._room.room.check(update, size)
        except InvalidUpdate:
            self.member.answered()
            raise
        self.member.answered()
        self._room.receive(self, update, size)
        if self._marks:
            self.settle_marks()

    def _take_guarded(self, update: Update, size: int, step_2: bool) -> None:
        try:
            self._take(update, size, step_2)
        except InvalidUpdate as refusal:
            self._refuse_update(refusal)

    def _on_awareness(self, body: bytes) -> None:
        self._metrics.awareness_frames_received += 1
        if self._room.receive_awareness(self, body).echo:
            self._metrics.awareness_echoes_dropped += 1

    def _on_query(self, _body: bytes) -> None:
        self._room.answer_query(self)

    def _on_unknown(self, _body: bytes) -> None:
        """Types of other servers' protocols are ignored, as y-websocket's own server does."""

    def _refuse_update(self, refusal: InvalidUpdate) -> None:
        self._metrics.updates_refused[refusal.reason] += 1
        self._refusals += 1
        if self._refusals == 1:
            # One line for each session: a client that sends bad ones again and again fills no disk.
            _log.warning(
                Event.UPDATE_REFUSED, session=self.id, reason=refusal.reason.value, detail=refusal.detail
            )
        if refusal.reason is RefusalReason.MALFORMED:
            self.close(CloseReason.BAD_FRAME, refusal.detail)
            return
        self.member.refused = True
        self.tell_rejected(refusal.reason.value, 1)
        self.settle_marks()

    @property
    def _room(self) -> RoomRunner:
        assert self._runner is not None
        return self._runner

    # --- room channels and marks ---

    def _on_room_channel(self, body: bytes) -> None:
        try:
            request = envelope.decode(body)
        except envelope.EnvelopeError as error:
            if self._greeted:
                nack = envelope.nack(error.code, error.message, channel=error.channel, request=error.request)
                self._tell(nack)
            return
        if not self._greeted and not isinstance(request, envelope.Hello):
            return
        match request:
            case envelope.Hello():
                self._greet(request)
            case envelope.Mark(id=mark):
                self._add_mark(room_channel_mark(mark))

    def _greet(self, hello: envelope.Hello) -> None:
        self._greeted = True
        identity = self.member.identity
        if hello.user is not None and identity.made_up and _MADE_UP_USER.fullmatch(hello.user):
            self.member.identity = replace(identity, user=hello.user)
        self._tell(envelope.welcome(session=self.id, identity=self.member.identity))
        for channel in hello.channels:
            self._tell(envelope.nack("unknown_channel", envelope.NO_CHANNEL, channel=channel))

    def _on_sync_status(self, body: bytes) -> None:
        if len(body) > _MAX_SYNC_STATUS_BYTES:
            raise BadMessage(f"a sync status of {len(body)} bytes: {_MAX_SYNC_STATUS_BYTES} are allowed")
        self._add_mark(sync_status_mark(body))

    def _add_mark(self, mark: Mark) -> None:
        if self._marks.full:
            self.close(CloseReason.RATE_LIMITED, f"More than {MAX_WAITING} marks wait for an answer.")
            return
        self._marks.add(mark)
        if self.settle_marks():
            self._room.wait_for_save(self)

    def settle_marks(self) -> bool:
        """Answer the marks that can be answered. Whether any are left."""
        runner = self._room
        answers = self._marks.answers(
            self.member, next_version=runner.next_version, saved_version=runner.room.saved_version
        )
        for answer in answers:
            self.send(Frame(answer))
        return bool(self._marks)

    def tell_rejected(self, reason: str, count: int) -> None:
        """Say that edits were not accepted, to a client that would understand it."""
        if self._greeted:
            self._tell(envelope.rejected(reason, count))

    def tell_drain(self, retry_after_seconds: float) -> None:
        """Say that the connection is about to be closed, to a client that would understand it."""
        if self._greeted:
            self._tell(envelope.drain(retry_after_seconds))

    def _tell(self, body: bytes) -> None:
        self.send(Frame(messages.encode_room_channel(body)))

    # --- what goes ---

    def send(self, frame: Frame) -> None:
        self.last_sent = self._loop.time()
        self._metrics.frames_sent += 1
        self._metrics.bytes_sent += len(frame)
        self.connection.send(frame)

    def send_any(self, message: Frame | LargeMessage) -> None:
        if isinstance(message, Frame):
            self.send(message)
            return
        self.last_sent = self._loop.time()
        self._metrics.frames_sent += 1
        self._metrics.bytes_sent += len(message)
        self.connection.send_large(message)

    def writing_paused(self) -> None:
        if self._runner is None:
            return
        self._paused_at = self._loop.time()
        # What it asks next would only add to a buffer that is full; TCP pushes back until that has drained.
        self.connection.pause_reading()
        self._runner.readers.falls_behind(self)

    def writing_resumed(self) -> None:
        if self._runner is None:
            return
        self._paused_at = None
        self._runner.readers.catches_up(self)
        if self._loop.time() >= self._may_answer_at:
            self._answer_waiting()
        # What was written just now can have filled the buffer again.
        if self._paused_at is None and not self._blocked:
            self.connection.resume_reading()

    # --- time ---

    def tick(self, now: float) -> None:
        """Called about once a second: keep-alive, ping, and the end of those who do not answer or read."""
        if self._runner is None:
            return
        self._notice_taken(now)
        if self._has_stalled(now):
            self.close(CloseReason.SLOW_CONSUMER)
            self.connection.abort()
            return
        if now - self.last_sent >= self._settings.keepalive_seconds:
            self.send(_KEEP_ALIVE)
        self._check_alive(now)

    def _notice_taken(self, now: float) -> None:
        """A remote whose socket takes what is written lives, even if its pong waits behind a long step 2."""
        buffered = self.connection.buffered
        if buffered < self._buffered_before:
            self._last_taken = now
        self._buffered_before = buffered

    def _has_stalled(self, now: float) -> bool:
        if self._paused_at is None:
            return False
        return now - max(self._paused_at, self._last_taken) > self._settings.send_stall_seconds

    def _check_alive(self, now: float) -> None:
        heard_at = max(self.connection.last_received, self._last_taken)
        if self._pinged_at is not None and heard_at >= self._pinged_at:
            self._pinged_at = None
        if now - heard_at < self._settings.ping_seconds:
            return
        if self._pinged_at is None:
            self._pinged_at = now
            if not self.connection.ping():
                # Every Yjs client answers a step 1. One that is pinged has sent nothing for a while, so that
                # its answer holds little more than the deleted ranges.
                self._room.ask(self)
        elif now - self._pinged_at > self._settings.pong_seconds:
            self.close(CloseReason.TIMEOUT)
            self.connection.abort()
