"""Where the sessions of a room stand in its deltas: at the head or behind it.

Owns what each of them is sent of the document and when: a step 2, a merged delta to catch up, the deltas.
The rules of the document are the room's; when deltas are made is the runner's; waiting for the base is
`base_waiters`'.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from collab_storage import Base as StoredBase

from collab_server.clock import Clock
from collab_server.observability.metrics import Metrics
from collab_server.protocol import messages
from collab_server.rooms.member import Member
from collab_server.rooms.room import Room
from collab_server.runtime.base_waiters import BaseWaiters
from collab_server.runtime.connection import LARGE_BYTES, Connection, Frame, LargeMessage
from collab_server.runtime.missed import MissedDeltas
from collab_server.types import StateVector
from collab_server.updates import Base, Pieces, memory_of_state

if TYPE_CHECKING:
    from collab_server.runtime.session import Session


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """What a session that is behind has: the version, and its state vector."""

    version: int
    state_vector: StateVector


@dataclass(frozen=True, slots=True)
class _Full:
    """A step 2 of the whole document at a version. A large one is sent for a while when it is no longer new:
    `place` is where its readers catch up from, `tail_bytes` what the room's tail had then.
    """

    version: int
    message: Frame | LargeMessage
    place: _Place | None
    tail_bytes: int


@dataclass(frozen=True, slots=True)
class _Merged:
    """What brings those at a place up to a version."""

    place: _Place
    version: int
    message: Frame | LargeMessage


class Readers:
    """Sends the document to the sessions of one room."""

    def __init__(
        self, room: Room, waiters: BaseWaiters, *, metrics: Metrics, clock: Clock, flush: Callable[[], None]
    ) -> None:
        """`flush` leaves nothing pending in the room."""
        self._flush = flush
        self._room = room
        self._metrics = metrics
        self._clock = clock
        self._waiters = waiters
        self._at_head: dict[Session, Connection] = {}
        self._behind: dict[Session, _Place] = {}
        self._place: _Place | None = None
        self._missed = MissedDeltas()
        self._full: _Full | None = None
        #: Kept while somebody is at its place: those who joined together catch up from there together.
        self._merged: _Merged | None = None

    def __len__(self) -> int:
        """How many are at the head."""
        return len(self._at_head)

    @property
    def behind(self) -> int:
        """How many are not written to until their buffers have drained."""
        return len(self._behind)

    @property
    def waiting(self) -> int:
        """How many wait for the base."""
        return len(self._waiters)

    @property
    def stored(self) -> StoredBase | None:
        """The base that the room's tail follows on."""
        return self._waiters.stored

    @property
    def index_bytes(self) -> int:
        """Memory that the places of those behind take."""
        places = {id(place): place for place in self._behind.values()}
        return sum([memory_of_state(place.state_vector) for place in places.values()])

    @property
    def answer_bytes(self) -> int:
        """Memory that the answers which are shared take, beside the base's own bytes in them, and the
        missed deltas.
        """
        shared = [kept.message for kept in (self._full, self._merged) if kept is not None]
        return self._missed.size_bytes + sum([_own_bytes(message) for message in shared])

    def remove(self, session: Session) -> None:
        self._at_head.pop(session, None)
        self._no_longer_behind(session)
        self._waiters.remove(session)

    def clear(self) -> None:
        """Nobody is to be sent anything more."""
        self._at_head.clear()
        self._behind.clear()
        self._merged = None
        self._missed.clear()
        self._waiters.clear()

    # --- a step 1 and its answer ---

    def synchronise(self, session: Session, state_vector: StateVector) -> None:
        """Answer a step 1 with all that was accepted so far, then with who is here."""
        self._flush()

        def answer(session: Session, base: Base | None) -> None:
            self._answer(session, state_vector, base)

        self._waiters.ask((session, False), state_vector, answer)

    def _answer(self, session: Session, state_vector: StateVector, base: Base | None) -> None:
        started = self._clock.monotonic()
        # Before anything is written: a step 2 that fills the buffer takes the session off the head again.
        if session not in self._behind:
            self._at_head[session] = session.connection
        if state_vector:
            message = _message(messages.step_2_head, self._room.step_2(state_vector, base))
        else:
            full = self._full_answer(base)
            message = full.message
            if full.place is not None:
                self._put_behind(session, full.place)
        session.send_any(message)
        self._metrics.sync_steps_sent += 1
        self.send_snapshot(session)
        session.answered(self._clock.monotonic() - started)

    def _full_answer(self, base: Base | None) -> _Full:
        """What joiners share: one small answer for each version, a large one for as long as it is little
        behind. It has bytes of its own, and those who read it catch up in any case.
        """
        full, tail_bytes = self._full, self._room.tail_bytes
        if full is not None:
            if full.version == self._room.version:
                return full
            if full.place is not None and tail_bytes - full.tail_bytes <= LARGE_BYTES:
                return full
        message = _message(messages.step_2_head, self._room.step_2({}, base))
        place = self._here() if isinstance(message, LargeMessage) else None
        self._full = _Full(self._room.version, message, place, tail_bytes)
        return self._full

    def send_snapshot(self, session: Session) -> None:
        snapshot = self._room.awareness.snapshot()
        if snapshot is not None:
            session.send(Frame(messages.encode_awareness(snapshot)))

    def rebase(self, stored: StoredBase) -> None:
        """The room's tail follows on another base from now on."""
        self._waiters.stored = stored
        self._full = self._merged = None
        self._forget_missed()

    def forget_full(self) -> None:
        """Give back the step 2 that joiners share, unless it is still on its way to one of them."""
        if self._full is not None and self._full.place not in self._behind.values():
            self._full = None
            self._forget_missed()

    # --- slow readers ---

    def falls_behind(self, session: Session) -> None:
        """The session's buffer is full: nothing more is written to it until it drains."""
        if session in self._at_head:
            self._put_behind(session, self._here())

    def _put_behind(self, session: Session, place: _Place) -> None:
        """Off the head; one that is behind already keeps its place, which is older."""
        if self._at_head.pop(session, None) is not None:
            self._behind[session] = place
            self._metrics.sessions_fell_behind += 1

    def _here(self) -> _Place:
        """The present version as a place, shared by all who fall behind at it."""
        if self._place is None or self._place.version != self._room.version:
            self._place = _Place(self._room.version, self._room.flushed_state())
        return self._place

    def catches_up(self, session: Session) -> None:
        """The session's buffer has drained: it is sent what it missed, and is at the head."""
        if session not in self._behind:
            return
        self._flush()
        place = self._behind[session]
        frames = self._missed.latest(self._room.version - place.version)
        if frames is None:
            self._waiters.ask((session, True), place.state_vector, self._catch_up)
            return
        self._back_to_head(session)
        for frame in frames:
            session.send(frame)
        self._send_presence(session)

    def _catch_up(self, session: Session, base: Base | None) -> None:
        """By one merged delta."""
        message = self._merged_delta(self._behind[session], base)
        self._back_to_head(session)
        session.send_any(message)
        self._send_presence(session)

    def _merged_delta(self, place: _Place, base: Base | None) -> Frame | LargeMessage:
        merged, version = self._merged, self._room.version
        if merged is None or merged.place is not place or merged.version != version:
            pieces = self._room.step_2(place.state_vector, base)
            merged = self._merged = _Merged(place, version, _message(messages.update_head, pieces))
        return merged.message

    def _back_to_head(self, session: Session) -> None:
        """Before anything is written: what fills the buffer takes the session off again."""
        self._no_longer_behind(session)
        self._at_head[session] = session.connection

    def _no_longer_behind(self, session: Session) -> None:
        if self._behind.pop(session, None) is None:
            return
        if self._merged is not None and self._merged.place not in self._behind.values():
            self._merged = None
        self._forget_missed()

    def _has_large_answer(self) -> bool:
        """One that a joiner may get when it is no longer new, and catch up from there."""
        return self._full is not None and self._full.place is not None

    def _forget_missed(self) -> None:
        """Nobody is there any more who could be sent the deltas that were kept."""
        if not self._behind and not self._has_large_answer():
            self._missed.clear()
            self._place = None

    def _send_presence(self, session: Session) -> None:
        presence = self._room.awareness.catch_up()
        if presence is not None:
            session.send(Frame(messages.encode_awareness(presence)))

    # --- deltas ---

    def broadcast_delta(self, delta: Frame, second: Frame | None, author: Member | None, now: float) -> None:
        """As `broadcast`, of the delta that made the room's version."""
        if self._behind or self._has_large_answer():
            self._missed.add(delta, max_bytes=min(self._room.deletes.size_bytes, LARGE_BYTES))
        self.broadcast(delta, second, author, now)

    def broadcast(self, frame: Frame, second: Frame | None, author: Member | None, now: float) -> None:
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


def _message(head: Callable[[int], bytes], pieces: Pieces) -> Frame | LargeMessage:
    """An update as a message, in one piece unless it is large."""
    size = sum([len(piece) for piece in pieces])
    pieces.insert(0, head(size))
    return LargeMessage(pieces) if size > LARGE_BYTES else Frame(b"".join(pieces))


def _own_bytes(message: Frame | LargeMessage) -> int:
    """What a message takes beside the base's bytes in it."""
    if isinstance(message, Frame):
        return len(message)
    return message.joined_bytes + sum([len(piece) for piece in message.pieces if isinstance(piece, bytes)])
