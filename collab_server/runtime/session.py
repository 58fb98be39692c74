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

from collab_server.config import SessionSettings
from collab_server.errors import BadMessage, InvalidUpdate, RefusalReason
from collab_server.observability import Event, get_logger
from collab_server.observability.metrics import ClientClose, Metrics
from collab_server.protocol import envelope, messages
from collab_server.protocol.close_codes import CloseReason, reason_of_failure
from collab_server.rooms.member import Member
from collab_server.runtime.connection import Connection, Frame, LargeMessage
from collab_server.runtime.intake import Intake
from collab_server.runtime.liveness import Life, Liveness
from collab_server.runtime.marks import MAX_WAITING, Marks, Question, room_channel_mark, sync_status_mark
from collab_server.runtime.room_runner import RoomRunner
from collab_server.runtime.scanner import Scanner
from collab_server.types import Identity, StateVector
from collab_server.updates import decode_state_vector

_log = get_logger(__name__)

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
        "_bytes_in", "_greeted", "_handlers", "_intake", "_liveness", "_loop", "_marks", "_may_answer_at",
        "_messages_in", "_metrics", "_on_end", "_opened_at", "_reason", "_refusals", "_runner", "_settings",
        "_waiting_step_1", "connection", "id", "last_sent", "member", "state",
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
        self._metrics = metrics
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._opened_at = self.last_sent = self._loop.time()
        self._intake = Intake(self, scanner)
        self._liveness = Liveness(connection, settings)
        self._messages_in = 0
        self._bytes_in = 0
        self._marks = Marks()
        self._greeted = False
        self._reason: CloseReason | None = None
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
        self._intake.unblock()

    def refuse(self, reason: CloseReason, detail: str) -> None:
        """Turn the session away before it is open, late enough that old clients do not hammer."""
        if self.state is not SessionState.JOINING:
            return
        self.state = SessionState.CLOSING
        self._reason = reason
        self._intake.clear()
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
            self._intake.clear()
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
        self._intake.clear()
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
        if self._intake.blocked:
            self._intake.keep(payload)
            return
        self._messages_in += 1
        self._bytes_in += len(payload)
        self._metrics.frames_received += 1
        self._metrics.bytes_received += len(payload)
        try:
            kind, body = messages.decode(payload)
            self._handlers[kind](body)
        except InvalidUpdate as refusal:
            self.refuse_update(refusal)
        except BadMessage as error:
            self.close(CloseReason.BAD_FRAME, str(error))

    def text_message(self) -> None:
        self.close(CloseReason.BAD_FRAME, "Text messages are not spoken here; send binary ones.")

    def _on_step_1(self, body: bytes) -> None:
        state_vector = decode_state_vector(body)
        if self._waiting_step_1 is not None or self._loop.time() < self._may_answer_at:
            self._answer_later(state_vector)
        else:
            self._answer(state_vector)

    def _answer(self, state_vector: StateVector) -> None:
        self.room.readers.synchronise(self, state_vector)

    def answered(self, seconds: float) -> None:
        """A step 2 costs what the document is large: one session may ask for a share of the time, not all."""
        self._may_answer_at = self._loop.time() + seconds * _STEP_2_REST

    def _answer_later(self, state_vector: StateVector) -> None:
        """Of questions that come too soon the last is answered: it knows all that those before it knew."""
        if self._waiting_step_1 is None:
            self._loop.call_at(self._may_answer_at, self._answer_waiting)
        self._waiting_step_1 = state_vector

    def _answer_waiting(self) -> None:
        if self._waiting_step_1 is None or self._runner is None or self._liveness.is_full:
            return  # answered, gone, or too slow to read more now; then it is answered when it has drained
        state_vector, self._waiting_step_1 = self._waiting_step_1, None
        self._answer(state_vector)

    def _on_step_2(self, body: bytes) -> None:
        self._metrics.updates_received += 1
        self._intake.step_2(body)

    def _on_update(self, body: bytes) -> None:
        self._metrics.updates_received += 1
        self._intake.update(body)

    def settle_after_step_2(self) -> None:
        """What waited for an answer to our question may be answerable now."""
        if self._marks:
            self.settle_marks()

    def _on_awareness(self, body: bytes) -> None:
        self._metrics.awareness_frames_received += 1
        if self.room.receive_awareness(self, body).echo:
            self._metrics.awareness_echoes_dropped += 1

    def _on_query(self, _body: bytes) -> None:
        self.room.answer_query(self)

    def _on_unknown(self, _body: bytes) -> None:
        """Types of other servers' protocols are ignored, as y-websocket's own server does."""

    def refuse_update(self, refusal: InvalidUpdate) -> None:
        """Note it, and say so to a client that would understand; one that no honest client sends ends the
        session.
        """
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
    def room(self) -> RoomRunner:
        """The room it is in."""
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

    def _add_mark(self, question: Question) -> None:
        if self._marks.full:
            self.close(CloseReason.RATE_LIMITED, f"More than {MAX_WAITING} marks wait for an answer.")
            return
        self._marks.add(question)
        if self.settle_marks():
            self.room.wait_for_save(self)

    def settle_marks(self) -> bool:
        """Answer the marks that can be answered. Whether any are left."""
        runner = self.room
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
        self._liveness.full(self._loop.time())
        # What it asks next would only add to a buffer that is full; TCP pushes back until that has drained.
        self.connection.pause_reading()
        self._runner.readers.falls_behind(self)

    def writing_resumed(self) -> None:
        if self._runner is None:
            return
        self._liveness.drained()
        self._runner.readers.catches_up(self)
        if self._loop.time() >= self._may_answer_at:
            self._answer_waiting()
        # What was written just now can have filled the buffer again.
        self.read_on()

    def read_on(self) -> None:
        """Read from the connection, unless something is awaited or it does not read what is written."""
        if not self._liveness.is_full and not self._intake.blocked:
            self.connection.resume_reading()

    def unblock(self) -> None:
        """What this session waited for has come."""
        self._intake.unblock()

    # --- time ---

    def tick(self, now: float) -> None:
        """Called about once a second: keep-alive, ping, and the end of those who do not answer or read."""
        if self._runner is None:
            return
        life = self._liveness.look(now)
        if life in (Life.STALLED, Life.SILENT):
            self.close(CloseReason.SLOW_CONSUMER if life is Life.STALLED else CloseReason.TIMEOUT)
            self.connection.abort()
            return
        if life is Life.ASK and not self.connection.ping():
            # Every Yjs client answers a step 1. One that is pinged has sent nothing for a while, so that
            # its answer holds little more than the deleted ranges.
            self.room.ask(self)
        if now - self.last_sent >= self._settings.keepalive_seconds:
            self.send(_KEEP_ALIVE)
