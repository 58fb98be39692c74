"""One open room on the event loop: who is in it, and when it sends.

Owns the timers; what each session is sent of the document is `readers`', what is saved `room_saver`'s. What
is new and what goes out is decided by `rooms.Room`; how bytes leave by the connection. Every call is
synchronous: nothing else can run between reading and acting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from collab_storage import Base, StorageError

from collab_server.clock import Clock
from collab_server.observability.events import Event
from collab_server.observability.labels import Waiting
from collab_server.observability.log import get_logger
from collab_server.observability.metrics import Metrics
from collab_server.protocol import messages
from collab_server.protocol.close_codes import CloseReason
from collab_server.rooms.awareness import AwarenessOutcome
from collab_server.rooms.limits import Pace
from collab_server.rooms.member import Member
from collab_server.rooms.outcomes import Outcome, Snapshot
from collab_server.rooms.room import Room
from collab_server.runtime.activity import Activity
from collab_server.runtime.base_cache import BaseCache
from collab_server.runtime.base_waiters import BaseWaiters
from collab_server.runtime.connection import Frame
from collab_server.runtime.persister import Persister
from collab_server.runtime.readers import Readers
from collab_server.runtime.room_saver import RoomSaver
from collab_server.runtime.tasks import TaskOwner
from collab_server.types import ClockRange, RoomKey
from collab_server.updates import BaseHead, Update

if TYPE_CHECKING:
    from collab_server.runtime.session import Session

_log = get_logger(__name__)


#: Without an edit for so long, a room packs its index.
_REST_AFTER_SECONDS = 60.0


class RoomRunner:
    """Carries out what a room decides."""

    def __init__(
        self,
        key: RoomKey,
        room: Room,
        *,
        stored: Base | None,
        bases: BaseCache,
        pace: Pace,
        persister: Persister,
        metrics: Metrics,
        tasks: TaskOwner,
        clock: Clock,
        on_empty: Callable[[RoomRunner], None],
        on_lost: Callable[[RoomRunner], None],
        on_saved: Callable[[RoomRunner], None],
        on_audit: Callable[[RoomRunner], None],
    ) -> None:
        """`stored` is the base that the room's tail follows on."""
        self.key = key
        self.room = room
        self.closed = False
        self.lost = False
        self.sessions: dict[Session, None] = {}
        self.activity = Activity()
        self._waiting_for_save: dict[Session, None] = {}
        self._waiting_for_audit: dict[Session, None] = {}
        self._pace = pace
        self._persister = persister
        self._metrics = metrics
        self._clock = clock
        self._on_empty = on_empty
        self._on_lost = on_lost
        self._on_saved = on_saved
        self._on_audit = on_audit
        waiters = BaseWaiters(key, room, stored=stored, bases=bases, tasks=tasks, flush=self._flush_pending)
        self.readers = Readers(room, waiters, metrics=metrics, clock=clock, flush=self._flush_pending)
        self._saver = RoomSaver(key, room, owner=self, persister=persister, clock=clock)
        self._loop = asyncio.get_running_loop()
        self._window_ends = 0.0
        self._awareness_due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._quiet_version = room.version
        self._quiet_since = self._loop.time()
        if room.has_pending:
            self._flush(self._loop.time())
        self._saver.save_held()

    # --- sessions ---

    def join(self, session: Session) -> None:
        """Take a session in and ask it for what it has; it gets deltas from its own step 1 on."""
        self.sessions[session] = None
        self.ask(session)

    def leave(self, session: Session) -> None:
        """The session has gone; the last one leaves the room to linger."""
        if self.sessions.pop(session, False) is False:
            return
        self.readers.remove(session)
        self._waiting_for_save.pop(session, None)
        self._waiting_for_audit.pop(session, None)
        now = self._loop.time()
        self.room.leave(session.member, now)
        if self.sessions:
            if self.room.awareness.has_pending:
                self._flush(now)
        else:
            self._on_empty(self)

    def _flush_pending(self) -> None:
        if self.room.has_pending:
            self._flush(self._loop.time())

    def answer_query(self, session: Session) -> None:
        """Tell who is here, even if that is nobody."""
        snapshot = self.room.awareness.snapshot()
        session.send(Frame(messages.encode_awareness(snapshot)) if snapshot else Frame(messages.KEEP_ALIVE))

    # --- what comes ---

    def receive(self, session: Session, update: Update, size_bytes: int) -> None:
        """Take an update in. Raises InvalidUpdate and NeedsAudit, as `Room.receive`."""
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
            self._saver.save_held()
        self._count(outcome)
        if outcome.dropped:
            session.tell_rejected("too_much_waiting", outcome.dropped)

    def ask(self, session: Session) -> None:
        """Send step 1 for the sake of an answer; what is known of it already is nothing."""
        session.send(Frame(messages.encode_step_1(self.room.step_1())))

    def _ask(self, members: Collection[Member]) -> None:
        step_1 = Frame(messages.encode_step_1(self.room.step_1()))
        for session in self.sessions:
            if session.member in members:
                session.send(step_1)

    def _count(self, outcome: Outcome) -> None:
        if outcome.changed:
            self._metrics.updates_accepted += 1
            self.activity.edits += 1
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
        listeners = len(self.readers)
        announcement: Frame | None = None
        # An awareness frame that is nearly due travels with a delta: the cheaper frame is the one not sent.
        if self.room.awareness.has_pending:
            announcement = self._announcement(now, listeners, riding=delta is not None)
        if delta is not None:
            window = self._pace.window(listeners)
            self._window_ends = now + window
            self._saver.save(delta)
            self.readers.broadcast_delta(
                Frame(messages.encode_update(delta.update)), announcement, delta.sole_author, now
            )
            self._metrics.deltas_flushed += 1
            self._metrics.delta_bytes.observe(len(delta.update))
            self._metrics.flush_window_seconds.observe(window)
            # Not the loop's time: that stands still while a turn runs. Both count from the same start.
            self._metrics.edit_latency_seconds.observe(self._clock.monotonic() - delta.since)
        elif announcement is not None:
            self.readers.broadcast(announcement, None, None, now)

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

    # --- saving ---

    def saved(self, version: int) -> None:
        """Implements `persister.Owner`: answer the marks that waited for this version."""
        self._saver.saved(version)
        for session in list(self._waiting_for_save):
            if not session.settle_marks():
                self._waiting_for_save.pop(session, None)
        self._on_saved(self)

    def save_failed(self, error: StorageError) -> None:
        """Implements `persister.Owner`: memory and journal disagree, so the journal is right.

        Everybody is sent away with a code that retries. The room is read anew, and what was not saved comes
        back with the replicas that have it.
        """
        _log.error(Event.ROOM_FAILED, room=str(self.key), error=str(error))
        # All go: nobody is to hear of each of the others that they left.
        self.readers.clear()
        for session in list(self.sessions):
            session.close(CloseReason.TRY_AGAIN)
        self._on_lost(self)
        self._saver.give_up()

    async def wait_saved(self) -> None:
        """Until everything of this room is durable, or it is lost."""
        await self._saver.wait_all_saved()

    async def snapshot(self) -> Snapshot:
        """What the document has at a version that is durable, unless the room is lost meanwhile."""
        self._flush_pending()
        snapshot = self.room.snapshot()
        await self._saver.wait_saved(snapshot.version)
        return snapshot

    # --- compaction ---

    def delete(self, ranges: Sequence[ClockRange]) -> None:
        """Delete content for everybody, as an edit that is nobody's, and send it at once."""
        self.room.delete(ranges, now=self._loop.time())
        self._flush_pending()

    def rebase(self, stored: Base, head: BaseHead, snapshot: Snapshot) -> None:
        """Go on from a base that was made of a snapshot."""
        self.room.rebase(head, snapshot)
        self.readers.rebase(stored)

    def wait_for_audit(self, session: Session) -> None:
        """Let the session go on once the room was compacted."""
        self._waiting_for_audit[session] = None
        self._on_audit(self)

    def compacted(self, *, successfully: bool) -> None:
        """Let those go on who waited for it; without it nobody can say whether what they sent is harmless."""
        waiting, self._waiting_for_audit = self._waiting_for_audit, {}
        for session in waiting:
            if successfully:
                session.unblock()
            else:
                session.close(CloseReason.TRY_AGAIN, "The document cannot be checked right now.")

    # --- ageing ---

    def waiting(self) -> Iterator[tuple[Waiting, int]]:
        """What its sessions wait for, and how many of them."""
        yield Waiting.BASE, self.readers.waiting
        yield Waiting.AUDIT, len(self._waiting_for_audit)
        yield Waiting.SAVE, len(self._waiting_for_save)

    @property
    def next_version(self) -> int:
        """The version that will hold all that was accepted so far."""
        return self.room.version + self.room.has_pending

    @property
    def all_saved(self) -> bool:
        return self._saver.all_saved

    @property
    def unsaved_versions(self) -> int:
        return self.next_version - self.room.saved_version

    def flush(self) -> None:
        """Send and hand over what is pending, without waiting for the window's end."""
        self._flush(self._loop.time())
        self._saver.save_held()

    def expire(self, now: float) -> None:
        """Forget silent clients, waiting parts that nobody completed, and a step 2 that nobody shares."""
        self.activity.beat()
        self.room.expire(now)
        self._saver.save_held()
        self.readers.forget_full()
        if self.room.version != self._quiet_version:
            self._quiet_version, self._quiet_since = self.room.version, now
        elif now - self._quiet_since >= _REST_AFTER_SECONDS:
            self.room.rest()
        if self.room.awareness.has_pending and self.sessions:
            self._flush(now)

    def close(self) -> None:
        """Stop the timers; what is pending is flushed to the journal first."""
        self.flush()
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
