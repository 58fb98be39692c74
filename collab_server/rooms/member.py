"""A session as its room sees it: what it was asked, what of its edits is not in the document.

Owns the conditions under which "everything you sent is in" is true; knows nothing of connections.
"""

from __future__ import annotations

from collab_server.types import Identity, StateVector

#: What an update lacked: each client with the next clock that the room has of it.
Gap = frozenset[tuple[int, int]]
_NO_GAP: Gap = frozenset()


class Member:
    """Mutable; changed by `Room` and `RoomAwareness` alone, read by the session."""

    __slots__ = ("_gap", "asked", "declared", "dropped", "held", "id", "identity", "owned", "refused")

    def __init__(self, session_id: str, identity: Identity) -> None:
        self.id = session_id
        self.identity = identity
        #: A step 1 of ours waits for its answer. True from the start: joining asks for offline edits.
        self.asked = True
        #: Structs of this session that wait for something missing.
        self.held = 0
        #: Deletions were dropped because they named unknown clocks, and not yet sent again.
        self.dropped = False
        #: An update was refused, and the document not yet sent again in full.
        self.refused = False
        #: The client id of its first awareness frame, if that named exactly one.
        self.declared: int | None = None
        #: Client ids whose presence ends with this session.
        self.owned: set[int] = set()
        self._gap = _NO_GAP

    @property
    def complete(self) -> bool:
        """Whether all that this session has sent is in the document."""
        return not (self.asked or self.held or self.dropped or self.refused)

    def answered(self) -> None:
        """A step 2 came. If we had asked, it holds all that was dropped or refused before."""
        if not self.asked:
            return
        self.asked = False
        self.dropped = False
        self.refused = False

    def ask(self, gap: Gap) -> bool:
        """Whether to send step 1 for this gap: one question at a time, never twice for the same gap."""
        if not gap or self.asked or gap == self._gap:
            return False
        self._gap = gap
        self.asked = True
        return True

    def ask_again(self, state: StateVector) -> bool:
        """Whether to ask anew for dropped deletions, because something has come that they may name."""
        if self.asked or all(state.get(client, 0) <= clock for client, clock in self._gap):
            return False
        self.asked = True
        return True
