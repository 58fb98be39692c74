"""One document being served: what of each update is new, what waits, and what goes out with the next flush.

Owns index, tail, held parts, awareness and the two version numbers. Every call is synchronous. It knows no
clock (time is an argument), no connection and no store; `runtime.room_runner` carries out what it answers. Of
its base it knows what that has, and not the bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from collab_server.rooms.awareness import RoomAwareness
from collab_server.rooms.growth import Growth
from collab_server.rooms.held import HeldPart, HeldParts, held_size
from collab_server.rooms.limits import RoomLimits
from collab_server.rooms.member import Gap, Member
from collab_server.rooms.outcomes import Authors, Delta, HeldRow, Memory, Outcome, Snapshot
from collab_server.types import ClockRange, StateVector
from collab_server.updates import (
    Accepted,
    Base,
    BaseHead,
    DeletedRanges,
    Index,
    Pieces,
    Run,
    Tail,
    Update,
    encode_state_vector,
    encode_structs,
    encode_update,
)

#: Deleted ranges that are encoded in one step: a millisecond or two, and those of one client more.
_RANGES_AT_ONCE = 1_000

_NOTHING_NEW = Outcome()
_CHANGED = Outcome(changed=True)


@dataclass(slots=True)
class _Pending:
    """What the next flush will send."""

    runs: list[Run] = field(default_factory=list)
    deletes: list[ClockRange] = field(default_factory=list)
    authors: Authors = field(default_factory=dict)
    author: Member | None = None
    several: bool = False
    since: float = 0.0

    def add(self, accepted: Accepted, *, author: Member | None, user: str | None, now: float) -> None:
        if not self.runs and not self.deletes:
            self.since = now
            self.author = author
        elif author is not self.author:
            self.several = True
        self.runs += accepted.runs
        self.deletes += accepted.deletes
        if user is not None:
            self.authors.setdefault(user, set()).update([run.client for run in accepted.runs])

    @property
    def empty(self) -> bool:
        return not self.runs and not self.deletes


class Room:
    """The state of one room. `version` counts its deltas, `saved_version` those that are durable.

    `held_head` is the highest offset that a waiting part of it ever had in the journal.
    """

    def __init__(
        self, limits: RoomLimits, *, base: BaseHead | None = None, version: int = 0, held_head: int = 0
    ) -> None:
        """A room without sessions. `base` is what its document was at `version`; it is taken over."""
        self._limits = limits
        self._awake: Index | None = Index() if base is None else Index.of_base(base)
        self._resting = b""
        self._ranges_bytes = 0
        self._tail = Tail() if base is None else Tail(base.state)
        self._growth = Growth(limits, base)
        self._held = HeldParts(limits.held_bytes, head=held_head)
        self._pending = _Pending()
        self._new_held: list[HeldRow] = []
        self._gone_held: list[int] = []
        #: Those who sent deletions that named unknown clocks.
        self._droppers: set[Member] = set()
        self.awareness = RoomAwareness(limits)
        self.version = self.saved_version = self.base_version = version

    # --- the index, which is packed while nothing happens ---

    @property
    def _index(self) -> Index:
        index = self._awake
        return index if index is not None else self._wake()

    def _wake(self) -> Index:
        index = self._awake = Index.unpack(self._resting)
        self._resting = b""
        self._tail.wake(index.state)
        return index

    def rest(self) -> None:
        """Nothing has happened for a while: take as little memory as can be, until something does."""
        if self._awake is None or self.has_pending or self._held:
            return
        self._ranges_bytes = self._awake.deletes.size_bytes
        self._resting = self._awake.pack()
        self._awake = None
        self._tail.rest()

    @property
    def resting(self) -> bool:
        return self._awake is None

    # --- loading ---

    def restore_delta(self, offset: int, update: Update) -> bool:
        """Take a journaled delta back. False if it does not follow from what was restored before it."""
        accepted = self._index.integrate(update)
        for run in accepted.runs:
            self._tail.append(run)
        self.version = self.saved_version = offset
        self._growth.unaudited_depth += update.depth
        return not accepted.held and not accepted.dropped_deletes

    def restore_held(
        self, offset: int, update: Update, *, user: str, size_bytes: int, now: float, expires_at: float
    ) -> None:
        """Take a journaled waiting part back; what has become known since leaves it at once."""
        size = held_size(size_bytes, len(update.structs))
        part = HeldPart(offset, user, None, update.structs, size, {}, update.depth, expires_at)
        self._held.add(part)
        self._release_from(self._try(part, now), now)

    # --- edits ---

    def receive(self, member: Member, update: Update, *, size_bytes: int, now: float) -> Outcome:
        """Take what is new of an update; hold what is ahead; drop deletions of what is unknown.

        Raises InvalidUpdate, and then nothing has changed, if the document would grow too large or too deep;
        NeedsAudit if that has to be found out first.
        """
        self.check(update, size_bytes)
        accepted = self._index.integrate(update)
        changed = bool(accepted.runs or accepted.deletes)
        if changed:
            self._growth.unaudited_depth += update.depth
            self._pending.add(accepted, author=member, user=member.identity.user, now=now)
            if self._held and accepted.runs:
                self._release_from({run.client for run in accepted.runs}, now)
        ask = self._ask_again() if self._droppers and accepted.runs else []
        if not accepted.held and not accepted.dropped_deletes:
            if ask:
                return Outcome(changed=True, ask=ask)
            return _CHANGED if changed else _NOTHING_NEW
        dropped = self._hold(member, accepted.held, update.depth)
        if accepted.dropped_deletes or dropped:
            member.dropped = True
            self._droppers.add(member)
        if member.ask(self._gap(accepted.held, update.deletes)):
            ask.append(member)
        return Outcome(changed, bool(accepted.held) and not dropped, ask, dropped)

    def check(self, update: Update, size_bytes: int) -> None:
        """What `receive` raises, without anything being received."""
        self._growth.check(
            update,
            document_bytes=self.document_bytes + self._held.size_bytes + size_bytes,
            waiting_depth=self._held.depth,
            state=self._index.state,
        )

    def delete(self, ranges: Sequence[ClockRange], *, now: float) -> None:
        """Delete what nobody asked to have deleted: the delta has no author, and everybody gets it."""
        accepted = self._index.integrate(Update((), ranges))
        if accepted.deletes:
            self._pending.add(accepted, author=None, user=None, now=now)

    def _ask_again(self) -> list[Member]:
        """Those whose deletions may now name something known. A client sends them in step 2 alone."""
        self._droppers = {member for member in self._droppers if member.dropped}
        state = self._index.state
        return [member for member in self._droppers if member.ask_again(state)]

    def _hold(self, member: Member, structs: Sequence[Run], depth: int) -> int:
        """Let structs of an update of such a depth wait; how many could not."""
        if not structs:
            return 0
        update = encode_structs(structs)
        size = held_size(len(update), len(structs))
        if not self._held.fits(size):
            return len(structs)
        offset = self._held.next_offset()
        user = member.identity.user
        self._held.add(HeldPart(offset, user, member, structs, size, self._waits(structs), depth))
        self._new_held.append(HeldRow(offset, update, {user: {struct.client for struct in structs}}))
        return 0

    def _release_from(self, advanced: set[int], now: float) -> None:
        """Let go what has become complete now that these clients advanced, and what becomes so by that."""
        while advanced and self._held:
            done = [self._try(part, now) for part in self._held.waiting_for(advanced, self._index.state)]
            advanced = set().union(*done)

    def _try(self, part: HeldPart, now: float) -> set[int]:
        """Offer a waiting part to the index again; the clients that advanced."""
        accepted = self._index.integrate(Update(part.structs, ()))
        if accepted.runs:
            # All of it each time: after an audit the rest of a part can add as much again.
            self._growth.unaudited_depth += part.depth
            self._pending.add(accepted, author=part.owner, user=part.user, now=now)
        if accepted.held:
            self._held.shrink(part, accepted.held, self._waits(accepted.held))
        else:
            self._held.remove(part)
            self._gone_held.append(part.offset)
        return {run.client for run in accepted.runs}

    def _waits(self, structs: Iterable[Run]) -> StateVector:
        """Per client the least clock that lets a struct go, or makes it known: another may have its clock."""
        waits: StateVector = {}
        state = self._index.state
        for struct in structs:
            own = struct.client, max(struct.clock, state.get(struct.client, 0)) + 1
            for client, clock in (own, self._index.missing(struct) or own):
                waits[client] = min(clock, waits.get(client, clock))
        return waits

    def _missing_clients(self, structs: Iterable[Run]) -> set[int]:
        missing = map(self._index.missing, structs)
        return {client for client, _ in filter(None, missing)}

    def _gap(self, held: Sequence[Run], deletes: Iterable[ClockRange]) -> Gap:
        state = self._index.state
        clients = self._missing_clients(held)
        clients.update(client for client, _, end in deletes if end > state.get(client, 0))
        return frozenset((client, state.get(client, 0)) for client in clients)

    # --- sending ---

    @property
    def has_pending(self) -> bool:
        return not self._pending.empty

    def flush(self) -> Delta | None:
        """Splice what came since the flush before into one delta and make it part of the document."""
        pending = self._pending
        if pending.empty:
            return None
        self._pending = _Pending()
        update = encode_update(pending.runs, pending.deletes)
        for run in pending.runs:
            self._tail.append(run)
        self.version += 1
        sole_author = None if pending.several else pending.author
        return Delta(self.version, update, pending.authors, sole_author, pending.since)

    @property
    def deletes(self) -> DeletedRanges:
        """The deleted ranges, for reading."""
        return self._index.deletes

    def step_1(self) -> bytes:
        """Our state vector, encoded."""
        return encode_state_vector(self._index.state)

    def flushed_state(self) -> StateVector:
        """A copy: what a session that has read everything flushed so far knows."""
        state = dict(self._index.state)
        for run in reversed(self._pending.runs):
            state[run.client] = run.clock
        return state

    def needs_base(self, state_vector: StateVector) -> bool:
        """Whether the base's bytes are needed to tell what a client at `state_vector` lacks."""
        if self._awake is None:
            self._wake()
        return not self._tail.reaches(state_vector)

    def prepare_step_2(self) -> bool:
        """Do some of the work of the next `step_2`, a few milliseconds of it. Whether nothing is left."""
        return self._index.deletes.encode_some(_RANGES_AT_ONCE)

    def step_2(self, state_vector: StateVector, base: Base | None = None) -> Pieces:
        """All that a client at `state_vector` lacks of what was flushed, and all deleted ranges.

        `base` is of `base_version`; see `needs_base`.
        """
        return self._tail.pieces(state_vector, self._index.deletes, base)

    # --- compaction ---

    @property
    def tail_bytes(self) -> int:
        """What has come since the base."""
        return self._tail.size_bytes

    @property
    def base_bytes(self) -> int:
        return self._growth.base_bytes

    @property
    def unaudited_depth(self) -> int:
        """See `growth.Growth`."""
        return self._growth.unaudited_depth

    def snapshot(self) -> Snapshot:
        """A copy of what the document has at `version`; nothing may be pending."""
        return Snapshot(self.version, self._index.copy(), self._growth.unaudited_depth)

    def rebase(self, base: BaseHead, snapshot: Snapshot) -> None:
        """Take a base that was made of what the document was then, and let go of what it holds."""
        if self._awake is None:
            self._wake()
        self._tail.rebase(base.state)
        self._growth.rebase(base, audited_depth=snapshot.depth)
        self.base_version = snapshot.version

    # --- saving, leaving, ageing ---

    def saved(self, version: int) -> None:
        """Everything up to `version` is durable."""
        self.saved_version = max(self.saved_version, version)

    def take_held_rows(self) -> tuple[list[HeldRow], list[int]]:
        """Rows to be journaled, and offsets of rows that are no longer needed once the next delta is."""
        rows, gone = self._new_held, self._gone_held
        self._new_held, self._gone_held = [], []
        return rows, gone

    def leave(self, member: Member, now: float) -> None:
        """A session has gone: its presence ends, what waits of its edits stays for a while."""
        self._held.abandon(member, now + self._limits.held_seconds)
        self._droppers.discard(member)
        self.awareness.leave(member, now)

    def expire(self, now: float) -> None:
        """Forget what has waited too long."""
        for part in self._held.expired(now):
            self._held.remove(part)
            self._gone_held.append(part.offset)
        self.awareness.expire(now)

    @property
    def document_bytes(self) -> int:
        """Bytes of the structs and of the deleted ranges."""
        return self._growth.base_bytes + self._tail.size_bytes + self._deleted_bytes

    @property
    def _deleted_bytes(self) -> int:
        return self._ranges_bytes if self._awake is None else self._awake.deletes.size_bytes

    @property
    def memory(self) -> Memory:
        """About what it keeps in memory."""
        index = len(self._resting) if self._awake is None else self._awake.memory_bytes
        return Memory(index, self._tail.memory_bytes, self._held.size_bytes)
