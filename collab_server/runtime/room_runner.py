"""One open room on the event loop: who is in it, when it sends, what it hands over to be saved.

Owns the timers and the list of sessions at the head. What is new and what goes out is decided by
`rooms.Room`; how bytes leave by the connection. Every call is synchronous: nothing else can run between
reading and acting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import TYPE_CHECKING

import structlog
from collab_storage import Record, RecordKind, StorageError, StreamKey, encode_authors

from collab_server.clock import Clock
from collab_server.observability.events import Event
from collab_server.observability.metrics import Metrics
from collab_server.protocol import messages
from collab_server.protocol.close_codes import CloseReason
from collab_server.rooms.awareness import AwarenessOutcome
from collab_server.rooms.limits import Pace
from collab_server.rooms.member import Member
from collab_server.rooms.room import Authors, Delta, HeldRow, Outcome, Room
from collab_server.runtime.connection import Connection, Frame
from collab_server.runtime.persister import Persister, Removal
from collab_server.types import DOCUMENT_STREAM, HELD_STREAM, RoomKey, StateVector
from collab_server.updates import Update

if TYPE_CHECKING:
    from collab_server.runtime.session import Session

_log = structlog.get_logger(__name__)


class RoomRunner:
    """Carries out what a room decides."""

    def __init__(
        self,
        key: RoomKey,
        room: Room,
        *,
        pace: Pace,
        persister: Persister,
        metrics: Metrics,
        clock: Clock,
        on_empty: Callable[[RoomRunner], None],
        on_lost: Callable[[RoomRunner], None],
    ) -> None:
        self.key = key
        self.room = room
        self.closed = False
        self.lost = False
        self.sessions: dict[Session, None] = {}
        self._at_head: dict[Session, Connection] = {}
        self._behind: dict[Session, StateVector] = {}
        self._waiting_for_save: dict[Session, None] = {}
        self._pace = pace
        self._persister = persister
        self._metrics = metrics
        self._clock = clock
        self._on_empty = on_empty
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._window_ends = 0.0
        self._awareness_due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._unsaved = 0
        self._saved_waiters: list[asyncio.Future[None]] = []
        self._full: tuple[int, Frame] | None = None
        if room.has_pending:
            self._flush(self._loop.time())
        self._save_held()

    # --- sessions ---

    def join(self, session: Session) -> None:
        """Take a session in and ask it for what it has; it gets deltas from its own step 1 on."""
        self.sessions[session] = None
        session.send(Frame(messages.encode_step_1(self.room.step_1())))

    def leave(self, session: Session) -> None:
        """The session has gone; the last one leaves the room to linger."""
        if self.sessions.pop(session, False) is False:
            return
        self._at_head.pop(session, None)
        self._behind.pop(session, None)
        self._waiting_for_save.pop(session, None)
        now = self._loop.time()
        self.room.leave(session.member, now)
        if self.sessions:
            if self.room.awareness.has_pending:
                self._flush(now)
        else:
            self._on_empty(self)

    def synchronise(self, session: Session, state_vector: StateVector) -> float:
        """Answer a step 1 with all that was accepted so far, then with who is here. Seconds that it took."""
        started = self._clock.monotonic()
        if self.room.has_pending:
            self._flush(self._loop.time())
        # At the head before anything is written: a step 2 that fills the buffer takes it off again.
        if session not in self._behind:
            self._at_head[session] = session.connection
        session.send(self._step_2(state_vector))
        self._metrics.sync_steps_sent += 1
        self._send_snapshot(session)
        return self._clock.monotonic() - started

    def _step_2(self, state_vector: StateVector) -> Frame:
        if state_vector:
            return Frame(messages.encode_step_2(self.room.step_2(state_vector)))
        if self._full is None or self._full[0] != self.room.version:
            self._full = (self.room.version, Frame(messages.encode_step_2(self.room.step_2({}))))
        return self._full[1]

    def _send_snapshot(self, session: Session) -> None:
        snapshot = self.room.awareness.snapshot()
        if snapshot is not None:
            session.send(Frame(messages.encode_awareness(snapshot)))

    def answer_query(self, session: Session) -> None:
        """Tell who is here, even if that is nobody."""
        snapshot = self.room.awareness.snapshot()
        session.send(Frame(messages.encode_awareness(snapshot)) if snapshot else Frame(messages.KEEP_ALIVE))

    def falls_behind(self, session: Session) -> None:
        """The session's buffer is full: nothing more is written to it until it drains."""
        if self._at_head.pop(session, None) is not None:
            self._behind[session] = self.room.flushed_state()

    def catches_up(self, session: Session) -> None:
        """The session's buffer has drained: one merged delta brings it to the head."""
        state_vector = self._behind.pop(session, None)
        if state_vector is None:
            return
        self._flush(self._loop.time())
        self._at_head[session] = session.connection
        session.send(Frame(messages.encode_update(self.room.step_2(state_vector))))
        presence = self.room.awareness.catch_up()
        if presence is not None:
            session.send(Frame(messages.encode_awareness(presence)))

    # --- what comes ---

    def receive(self, session: Session, update: Update, size_bytes: int) -> None:
        """Take an update in. Raises InvalidUpdate if the document would grow too large."""
        if self._persister.overloaded:
            session.close(CloseReason.TRY_AGAIN, "The server cannot save right now and takes no more edits.")
            return
        now = self._loop.time()
        outcome = self.room.receive(session.member, update, size_bytes=size_bytes, now=now)
        if outcome.changed:
            self._edited(now)
        if outcome.ask:
            self._ask(outcome.ask)
        if outcome.held:
            self._save_held()
        self._count(outcome)
        if outcome.dropped:
            session.tell_rejected("too_much_waiting", outcome.dropped)

    def _ask(self, members: Collection[Member]) -> None:
        step_1 = Frame(messages.encode_step_1(self.room.step_1()))
        for session in self.sessions:
            if session.member in members:
                session.send(step_1)

    def _count(self, outcome: Outcome) -> None:
        if outcome.changed:
            self._metrics.updates_accepted += 1
        elif outcome.held:
            self._metrics.updates_held += 1
        else:
            self._metrics.updates_known += 1

    def receive_awareness(self, session: Session, frame: bytes) -> AwarenessOutcome:
        """Take an awareness frame in. Raises BadMessage."""
        now = self._loop.time()
        outcome = self.room.awareness.receive(session.member, frame, now)
        if self.room.awareness.urgent:
            self._flush(now)
        elif outcome.changed:
            self._announced(now)
        if outcome.reply is not None:
            session.send(Frame(messages.encode_awareness(outcome.reply)))
        return outcome

    def wait_for_save(self, session: Session) -> None:
        """Let the session look at its marks after each commit, until it has none."""
        self._waiting_for_save[session] = None

    # --- when it is sent ---

    def _edited(self, now: float) -> None:
        # After an idle window the first change goes at once: a lone typist waits for nothing.
        if now >= self._window_ends:
            self._flush(now)
        else:
            self._call_at(self._window_ends)

    def _announced(self, now: float) -> None:
        # Never at once: the cursor that follows an edit then travels with the next one.
        self._call_at(max(self._awareness_due, now + self._pace.awareness_min_seconds))

    def _call_at(self, when: float) -> None:
        if self._timer is not None:
            if self._timer_at <= when:
                return
            self._timer.cancel()
        self._timer_at = when
        self._timer = self._loop.call_at(when, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._flush(self._loop.time())

    def _flush(self, now: float) -> None:
        """Send and hand over what has collected: one delta, one awareness frame, each framed once."""
        delta = self.room.flush()
        listeners = len(self._at_head)
        announcement: Frame | None = None
        # An awareness frame that is nearly due travels with a delta: the cheaper frame is the one not sent.
        if self.room.awareness.has_pending:
            announcement = self._announcement(now, listeners, riding=delta is not None)
        if delta is not None:
            window = self._pace.window(listeners)
            self._window_ends = now + window
            self._save(delta)
            self._broadcast(Frame(messages.encode_update(delta.update)), announcement, delta.sole_author, now)
            self._metrics.deltas_flushed += 1
            self._metrics.flush_window_seconds.observe(window)
            # Not the loop's time: that stands still while a turn runs. Both count from the same start.
            self._metrics.edit_latency_seconds.observe(self._clock.monotonic() - delta.since)
        elif announcement is not None:
            self._broadcast(announcement, None, None, now)

    def _announcement(self, now: float, listeners: int, *, riding: bool) -> Frame | None:
        slack = self._pace.window(listeners) if riding else 0.001
        if now + slack < self._awareness_due and not self.room.awareness.urgent:
            self._call_at(self._awareness_due)
            return None
        self._awareness_due = now + self._pace.awareness_interval(listeners)
        merged = self.room.awareness.flush()
        if merged is None:
            return None
        self._metrics.awareness_frames_sent += listeners
        return Frame(messages.encode_awareness(merged))

    def _broadcast(self, frame: Frame, second: Frame | None, author: Member | None, now: float) -> None:
        """Write to everybody at the head; the author of all of `frame` gets only the second."""
        # A copy, because a write can find the socket full and take its session from the head.
        readers = list(self._at_head.items())
        others = len(readers)
        for session, connection in readers:
            if session.member is author:
                others -= 1
                if second is None:
                    continue  # to whom nothing is written, the keep-alive is due
                connection.send(second)
            elif second is None:
                connection.send(frame)
            else:
                connection.send_pair(frame, second)
            session.last_sent = now
        self._count_sent(others, frame)
        if second is not None:
            self._count_sent(len(readers), second)

    def _count_sent(self, readers: int, frame: Frame) -> None:
        self._metrics.frames_sent += readers
        self._metrics.bytes_sent += readers * len(frame)

    # --- saving ---

    def _save(self, delta: Delta) -> None:
        record = self._record(DOCUMENT_STREAM, RecordKind.DELTA, delta.version, delta.update, delta.authors)
        rows, gone = self.room.take_held_rows()
        records = [record, *map(self._held_record, rows)]
        removal = Removal(self._stream(HELD_STREAM), gone) if gone else None
        self._submit(records, delta.version, removal)

    def _save_held(self) -> None:
        rows, gone = self.room.take_held_rows()
        if rows or gone:
            removal = Removal(self._stream(HELD_STREAM), gone) if gone else None
            self._submit([self._held_record(row) for row in rows], self.room.version, removal)

    def _submit(self, records: list[Record], version: int, removal: Removal | None) -> None:
        self._unsaved += 1
        self._persister.submit(self, records, version=version, removal=removal)

    def saved(self, version: int) -> None:
        """Implements `persister.Owner`: answer the marks that waited for this version."""
        self._unsaved -= 1
        self.room.saved(version)
        self._wake_waiters()
        for session in list(self._waiting_for_save):
            if not session.settle_marks():
                self._waiting_for_save.pop(session, None)

    def save_failed(self, error: StorageError) -> None:
        """Implements `persister.Owner`: memory and journal disagree, so the journal is right.

        Everybody is sent away with a code that retries. The room is read anew, and what was not saved comes
        back with the replicas that have it.
        """
        _log.error(Event.ROOM_FAILED, room=str(self.key), error=str(error))
        # All go: nobody is to hear of each of the others that they left.
        self._at_head.clear()
        for session in list(self.sessions):
            session.close(CloseReason.TRY_AGAIN)
        self._on_lost(self)
        self._wake_waiters()

    async def wait_saved(self) -> None:
        """Until everything of this room is durable, or it is lost."""
        while not self.all_saved and not self.lost:
            waiter = self._loop.create_future()
            self._saved_waiters.append(waiter)
            await waiter

    def _wake_waiters(self) -> None:
        for waiter in self._saved_waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._saved_waiters.clear()

    def _held_record(self, row: HeldRow) -> Record:
        return self._record(HELD_STREAM, RecordKind.HELD, row.offset, row.update, row.authors)

    def _record(self, stream: str, kind: RecordKind, offset: int, data: bytes, authors: Authors) -> Record:
        return Record(
            tenant=self.key.tenant,
            room=self.key.room,
            stream=stream,
            offset=offset,
            kind=kind,
            data=data,
            authors=_encode_authors(authors),
            time=self._clock.wall(),
        )

    def _stream(self, stream: str) -> StreamKey:
        return StreamKey(self.key.tenant, self.key.room, stream)

    # --- ageing ---

    @property
    def next_version(self) -> int:
        """The version that will hold all that was accepted so far."""
        return self.room.version + self.room.has_pending

    @property
    def all_saved(self) -> bool:
        return self._unsaved == 0 and not self.room.has_pending

    @property
    def unsaved_versions(self) -> int:
        return self.next_version - self.room.saved_version

    def flush(self) -> None:
        """Send and hand over what is pending, without waiting for the window's end."""
        self._flush(self._loop.time())
        self._save_held()

    def expire(self, now: float) -> None:
        """Forget silent clients, waiting parts that nobody completed, and a step 2 that nobody shares."""
        self.room.expire(now)
        self._save_held()
        self._full = None
        if self.room.awareness.has_pending and self.sessions:
            self._flush(now)

    def close(self) -> None:
        """Stop the timers; what is pending is flushed to the journal first."""
        self.flush()
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _encode_authors(authors: Authors) -> bytes:
    """Most deltas have one author with one client id, the same as the delta before: those bytes are kept."""
    if len(authors) == 1:
        ((user, clients),) = authors.items()
        if len(clients) <= 1:
            return _encode_sole_author(user, *clients)
    return encode_authors(authors)


@lru_cache(maxsize=16_384)
def _encode_sole_author(user: str, *clients: int) -> bytes:
    return encode_authors({user: clients})
