"""Who is in a room and what they say of themselves: the newest entry of each client, as the bytes that came.

Owns newer-than, tombstones, ownership by session, the merged frame of a flush, and recognising the echoes of
stock clients. Source for newer-than: y-protocols `awareness.js`, `applyAwarenessUpdate`.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from collab_server.errors import BadMessage
from collab_server.protocol.awareness import LEFT, AwarenessEntry, decode_entries, encode_entries
from collab_server.protocol.varint import read_varuint, write_varuint
from collab_server.rooms.limits import RoomLimits
from collab_server.rooms.member import Member

_REMEMBERED_BROADCASTS = 4
#: Stock clients echo all that they are sent; a frame may be this much larger than our last broadcast.
_ECHO_MARGIN = 1.25
#: Stock clients count from zero, one for each change. What is above this is ignored, never answered with a
#: close: a client can be pushed there by somebody else's frame, and would be thrown out for its own.
_MAX_CLOCK = 1 << 32
#: What others say of a client may be ahead of what we know of it by this much.
_MAX_FOREIGN_STEP = 1_000
#: Leavers that a room remembers; the oldest are forgotten first.
_MAX_TOMBSTONES = 10_000


@dataclass(slots=True)
class _Present:
    entry: AwarenessEntry
    owner: Member
    renewed_at: float


@dataclass(frozen=True, slots=True)
class _Broadcast:
    """A frame that was sent: its entries without their count, and where each client's stand."""

    count: int
    entries: bytes
    spans: dict[int, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class AwarenessOutcome:
    """`changed`: something has to be sent; `echo`: the frame was one of ours, sent back; `reply`: a frame for
    the sender alone."""

    changed: bool = False
    echo: bool = False
    reply: bytes | None = None


_ECHO = AwarenessOutcome(echo=True)
#: Where the entry of a client stands in a broadcast that has none of it.
_NOWHERE = (0, 0)


class RoomAwareness:
    """The ephemeral half of a room."""

    def __init__(self, limits: RoomLimits) -> None:
        self._limits = limits
        self._present: dict[int, _Present] = {}
        self._tombstones: dict[int, tuple[int, float]] = {}
        self._dirty: dict[int, None] = {}
        self._recent: deque[_Broadcast] = deque(maxlen=_REMEMBERED_BROADCASTS)
        self._largest_broadcast = 0
        self._most_entries = 0
        #: Somebody left since the last flush: the next one is not to wait.
        self.urgent = False
        self._snapshot: bytes | None = None

    def __len__(self) -> int:
        return len(self._present)

    @property
    def has_pending(self) -> bool:
        return bool(self._dirty)

    # --- receiving ---

    def receive(self, member: Member, frame: bytes, now: float) -> AwarenessOutcome:
        """Take what is newer. Raises BadMessage, and then nothing has changed."""
        if member.declared is not None and self._recent and self._is_echo(member.declared, frame):
            return _ECHO
        entries = self._decode(frame)
        if member.declared is None and len(entries) == 1:
            member.declared = entries[0].client
        self._check_owned(member, entries)
        changed = False
        revived: list[AwarenessEntry] = []
        for entry in entries:
            if entry.clock > _MAX_CLOCK:
                continue
            if self._is_newer(member, entry):
                self._apply(member, entry, now)
                changed = True
            elif not entry.left and entry.client not in self._present:
                clock, _ = self._tombstones[entry.client]
                revived.append(AwarenessEntry(entry.client, clock, LEFT))
        reply = encode_entries(revived) if revived else None
        return AwarenessOutcome(changed=changed, reply=reply)

    def _decode(self, frame: bytes) -> list[AwarenessEntry]:
        own = self._limits.awareness_state_bytes * 2
        if len(frame) > own + int(self._largest_broadcast * _ECHO_MARGIN):
            raise BadMessage(f"an awareness frame of {len(frame)} bytes is more than was ever sent here")
        most = 2 * self._limits.awareness_clients_per_member + int(self._most_entries * _ECHO_MARGIN)
        return decode_entries(frame, max_entries=most, max_state_bytes=self._limits.awareness_state_bytes)

    def _check_owned(self, member: Member, entries: list[AwarenessEntry]) -> None:
        limit = self._limits.awareness_clients_per_member
        present = self._present
        fresh = sum([1 for entry in entries if entry.client not in present and not entry.left])
        if fresh and len(member.owned) + fresh > limit:
            raise BadMessage(f"a session announces more than {limit} clients")

    def _is_newer(self, member: Member, entry: AwarenessEntry) -> bool:
        present = self._present.get(entry.client)
        if present is not None:
            known = present.entry.clock
            if entry.clock > known + _MAX_FOREIGN_STEP and present.owner is not member:
                return False
            return entry.clock > known or (entry.clock == known and entry.left)
        if entry.left:
            return False
        tombstone = self._tombstones.get(entry.client)
        return tombstone is None or entry.clock > tombstone[0]

    def _apply(self, member: Member, entry: AwarenessEntry, now: float) -> None:
        if entry.left:
            self._remove(entry.client, entry.clock, now)
            return
        present = self._present.get(entry.client)
        if present is None:
            self._tombstones.pop(entry.client, None)
            self._present[entry.client] = _Present(entry, member, now)
            member.owned.add(entry.client)
        else:
            # The session that declared a client keeps it; a sibling tab may well be the one that relays it.
            if present.owner is not member and present.owner.declared != entry.client:
                present.owner.owned.discard(entry.client)
                present.owner = member
                member.owned.add(entry.client)
            present.entry = entry
            present.renewed_at = now
        self._touch(entry.client)

    def _remove(self, client: int, clock: int, now: float) -> None:
        present = self._present.pop(client)
        present.owner.owned.discard(client)
        # At the end of the dict, so the oldest stand first: who is present has no older one in it.
        self._tombstones[client] = (clock, now)
        self.urgent = True
        self._touch(client)

    def _touch(self, client: int) -> None:
        # Moved to the end, so that a frame lists entries in the order of their last change.
        self._dirty.pop(client, None)
        self._dirty[client] = None
        self._snapshot = None

    def _is_echo(self, own: int, frame: bytes) -> bool:
        """Whether a frame is one of the last broadcasts without the entry of `own`, the sender's client."""
        count, start = read_varuint(frame, 0)
        size = len(frame) - start
        for sent in reversed(self._recent):
            first, last = sent.spans.get(own, _NOWHERE)
            if (
                size == len(sent.entries) - (last - first)
                and count == sent.count - (last > first)
                and frame.startswith(sent.entries[:first], start)
                and frame.endswith(sent.entries[last:])
            ):
                return True
        return False

    # --- sending ---

    def flush(self) -> bytes | None:
        """One frame with every entry that changed since the flush before."""
        if not self._dirty:
            return None
        entries = [self._current(client) for client in self._dirty]
        self._dirty.clear()
        self.urgent = False
        if len(self._tombstones) > _MAX_TOMBSTONES:
            self._forget_leavers(-math.inf)
        spans: dict[int, tuple[int, int]] = {}
        parts: list[bytes] = []
        position = 0
        for entry in entries:
            encoded = entry.encoded
            spans[entry.client] = (position, position + len(encoded))
            position += len(encoded)
            parts.append(encoded)
        body = b"".join(parts)
        self._recent.append(_Broadcast(len(entries), body, spans))
        self._note_size(len(entries), len(body))
        return write_varuint(len(entries)) + body

    def _note_size(self, entries: int, size_bytes: int) -> None:
        self._most_entries = max(self._most_entries, entries)
        self._largest_broadcast = max(self._largest_broadcast, size_bytes)

    def _current(self, client: int) -> AwarenessEntry:
        present = self._present.get(client)
        if present is not None:
            return present.entry
        return AwarenessEntry(client, self._tombstones[client][0], LEFT)

    def snapshot(self) -> bytes | None:
        """Everybody who is here, for one who joins or asks; None if nobody is. Shared until a change."""
        if self._snapshot is None and self._present:
            self._snapshot = encode_entries([present.entry for present in self._present.values()])
            self._note_size(len(self._present), len(self._snapshot))
        return self._snapshot

    def catch_up(self) -> bytes | None:
        """Everybody who is here and who left lately, for one who missed some frames."""
        entries = [present.entry for present in self._present.values()]
        entries += [AwarenessEntry(client, clock, LEFT) for client, (clock, _) in self._tombstones.items()]
        if not entries:
            return None
        frame = encode_entries(entries)
        self._note_size(len(entries), len(frame))
        return frame

    # --- leaving ---

    def leave(self, member: Member, now: float) -> None:
        """Remove the clients that this session owned."""
        for client in sorted(member.owned):
            self._remove(client, self._present[client].entry.clock, now)

    def expire(self, now: float) -> None:
        """Forget clients that no longer renew, and tombstones nobody needs."""
        horizon = now - self._limits.awareness_expiry_seconds
        silent = [client for client, present in self._present.items() if present.renewed_at <= horizon]
        for client in silent:
            self._remove(client, self._present[client].entry.clock, now)
        self._forget_leavers(now - self._limits.awareness_tombstone_seconds)

    def _forget_leavers(self, horizon: float) -> None:
        """The oldest tombstones, up to one that is young enough or still to be sent."""
        while self._tombstones:
            client, (_, since) = next(iter(self._tombstones.items()))
            if client in self._dirty or (since > horizon and len(self._tombstones) <= _MAX_TOMBSTONES):
                return
            del self._tombstones[client]
