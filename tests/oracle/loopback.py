"""A room and its clients without sockets: what travels between them lies in queues that a test can disturb.

Owns a double of `runtime` (sessions, journal, restart) around the real `rooms.Room`, and clients that follow
y-protocols. Every call is synchronous.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from collab_server.rooms.limits import RoomLimits
from collab_server.rooms.member import Member
from collab_server.rooms.outcomes import Snapshot
from collab_server.rooms.room import Room
from collab_server.types import Identity, StateVector
from collab_server.updates import STORED_LIMITS, Base, BaseHead, decode_state_vector, scan
from collab_server.updates.compaction import Compacted, compact
from tests.oracle.yrs import Editor

Message = tuple[str, bytes]
STEP_1, STEP_2, UPDATE = "step 1", "step 2", "update"


@dataclass(slots=True)
class Journal:
    """What was committed, and what a kill would lose. Held rows by offset; `deltas` follow on the base."""

    base: Compacted | None = None
    base_version: int = 0
    deltas: list[bytes] = field(default_factory=list)
    held: dict[int, bytes] = field(default_factory=dict)
    uncommitted: list[tuple[str, int, bytes]] = field(default_factory=list)

    def commit(self) -> None:
        for stream, offset, data in self.uncommitted:
            if stream == "doc":
                self.deltas.append(data)
            elif stream == "held":
                self.held[offset] = data
            else:
                self.held.pop(offset, None)
        self.uncommitted.clear()


class Server:
    """One room, its sessions and its journal."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.room = Room(RoomLimits())
        self.sessions: dict[Member, Client] = {}
        self.at_head: list[Member] = []
        self._names = 0
        self._compacting: tuple[Snapshot, Compacted] | None = None

    def join(self, client: Client) -> Member:
        self._names += 1
        identity = Identity("default", f"user-{self._names}", "", frozenset())
        member = Member(f"session-{self._names}", identity)
        self.sessions[member] = client
        self._send(member, STEP_1, self.room.step_1())
        return member

    def leave(self, member: Member) -> None:
        if self.sessions.pop(member, None) is not None:
            self.at_head = [other for other in self.at_head if other is not member]
            self.room.leave(member, 0.0)

    def receive(self, member: Member, message: Message) -> None:
        kind, body = message
        if kind == STEP_1:
            self.flush()
            self._send(member, STEP_2, self.step_2(decode_state_vector(body)))
            if member not in self.at_head:
                self.at_head.append(member)
            return
        if kind == STEP_2:
            member.answered()
        outcome = self.room.receive(member, scan(body), size_bytes=len(body), now=0.0)
        for asked in outcome.ask:
            self._send(asked, STEP_1, self.room.step_1())
        if outcome.held:
            self._save_held()

    def flush(self) -> None:
        """Send what has collected and hand it to the journal."""
        delta = self.room.flush()
        if delta is not None:
            self.journal.uncommitted.append(("doc", delta.version, delta.update))
            for member in self.at_head:
                if member is not delta.sole_author:
                    self._send(member, UPDATE, delta.update)
        self._save_held()

    def step_2(self, state_vector: StateVector) -> bytes:
        """What a client at a state vector lacks, out of base and tail."""
        made = self.journal.base
        base = None if made is None else Base(made.table, [made.data])
        return b"".join(self.room.step_2(state_vector, base))

    def begin_compaction(self) -> None:
        """What a worker makes of all that is saved; editing goes on before it is taken."""
        self.flush()
        self.journal.commit()
        snapshot, former = self.room.snapshot(), self.journal.base
        made = compact([*([former.data] if former else []), *self.journal.deltas])
        assert made.head.state == snapshot.index.state
        assert made.head.deletes == snapshot.index.deletes
        self._compacting = snapshot, made

    def finish_compaction(self) -> None:
        """Go on from the base that was made, and drop the rows that it covers."""
        if self._compacting is None:
            return
        (snapshot, made), self._compacting = self._compacting, None
        self.room.rebase(_head(made), snapshot)
        journal = self.journal
        del journal.deltas[: snapshot.version - journal.base_version]
        journal.base, journal.base_version = made, snapshot.version

    def restart(self, *, kill: bool) -> None:
        """A new process on the same journal; killed, the old one loses what was not committed."""
        if kill:
            self.journal.uncommitted.clear()
        else:
            self.flush()
            self.journal.commit()
        for client in list(self.sessions.values()):
            client.disconnected()
        self.sessions.clear()
        self.at_head.clear()
        self._compacting = None
        self.room = restored(self.journal)
        self.flush()

    def _save_held(self) -> None:
        rows, gone = self.room.take_held_rows()
        for row in rows:
            self.journal.uncommitted.append(("held", row.offset, row.update))
        for offset in gone:
            self.journal.uncommitted.append(("gone", offset, b""))

    def _send(self, member: Member, kind: str, body: bytes) -> None:
        self.sessions[member].inbox.append((kind, body))


def _head(made: Compacted) -> BaseHead:
    """As it is read back: a room takes it over."""
    return BaseHead.decode(made.head.encode())


def restored(journal: Journal) -> Room:
    """The room that a new process makes of a journal. Every delta must follow from those before it."""
    base = None if journal.base is None else _head(journal.base)
    first = journal.base_version
    room = Room(RoomLimits(), base=base, version=first, held_head=max(journal.held, default=0))
    for at, data in enumerate(journal.deltas):
        assert room.restore_delta(first + at + 1, scan(data, STORED_LIMITS)), "a delta does not follow"
    for offset, data in sorted(journal.held.items()):
        update = scan(data, STORED_LIMITS)
        room.restore_held(offset, update, user="", size_bytes=len(data), now=0.0, expires_at=600.0)
    return room


class Client:
    """A Yrs replica that speaks y-protocols. Edits made while disconnected wait for the next join."""

    def __init__(self, server: Server, editor: Editor) -> None:
        self.server = server
        self.editor = editor
        self.member: Member | None = None
        self.inbox: list[Message] = []
        self.outbox: list[Message] = []
        self._sent = 0

    def connect(self) -> None:
        """Close the connection, if there is one, and open another."""
        if self.member is not None:
            self.server.leave(self.member)
        self.disconnected()
        self.member = self.server.join(self)
        self.outbox.append((STEP_1, self.editor.state()))

    def disconnected(self) -> None:
        """What was under way is gone."""
        self.member = None
        self.inbox.clear()
        self.outbox.clear()

    def edit(self, random: Random) -> None:
        self.editor.edit(random)
        self._send_written()

    def _send_written(self) -> None:
        # Yrs may write in answer to what it reads, as observers do.
        written = self.editor.written[self._sent :]
        self._sent = len(self.editor.written)
        if self.member is not None:
            self.outbox += [(UPDATE, update) for update in written]

    def deliver_up(self) -> None:
        if self.outbox and self.member is not None:
            self.server.receive(self.member, self.outbox.pop(0))

    def deliver_down(self) -> None:
        if not self.inbox:
            return
        kind, body = self.inbox.pop(0)
        if kind == STEP_1:
            self.outbox.append((STEP_2, self.editor.doc.get_update(body)))
        else:
            self.editor.apply(body)
            self._send_written()


def settle(server: Server, clients: list[Client]) -> None:
    """Everybody connects anew and everything arrives."""
    for client in clients:
        client.connect()
    for _ in range(1000):
        if not any(client.inbox or client.outbox for client in clients) and not server.room.has_pending:
            return
        for client in clients:
            client.deliver_up()
            client.deliver_down()
        server.flush()
    raise AssertionError("the clients never come to rest")


def state_of(editor: Editor) -> StateVector:
    return decode_state_vector(editor.state())
