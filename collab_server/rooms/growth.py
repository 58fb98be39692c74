"""How much larger, and how much deeper, a document may still become.

A type's depth is that of all types it stands in, which may lie in the base. So what each update adds by
itself is summed up; the sum is bounded until an audit of the whole document begins it anew.
"""

from __future__ import annotations

from collab_server.errors import InvalidUpdate, RefusalReason
from collab_server.rooms.limits import RoomLimits
from collab_server.rooms.outcomes import NeedsAudit
from collab_server.types import StateVector
from collab_server.updates import BaseHead, Run, Update


class Growth:
    """Of one document since its base. `unaudited_depth` is at least the number of types since then that lie
    in each other.
    """

    __slots__ = ("_base_depth", "_deep", "_limits", "base_bytes", "unaudited_depth")

    def __init__(self, limits: RoomLimits, base: BaseHead | None) -> None:
        self._limits = limits
        self.base_bytes = 0 if base is None else base.size_bytes
        self._base_depth = 0 if base is None else base.depth
        #: Types of the base in which nothing more may stand.
        self._deep = frozenset() if base is None else base.deep
        self.unaudited_depth = 0

    def rebase(self, base: BaseHead, *, audited_depth: int) -> None:
        """A base was made of what the document was when `unaudited_depth` was so much."""
        self.base_bytes = base.size_bytes
        self._base_depth = base.depth
        self._deep = base.deep
        self.unaudited_depth -= audited_depth

    def check(self, update: Update, *, document_bytes: int, waiting_depth: int, state: StateVector) -> None:
        """Raises InvalidUpdate if the document would grow too large or too deep, NeedsAudit if that has to be
        found out first.

        `document_bytes` is what it would have, with what waits for something missing; `waiting_depth` is what
        that may add to its depth, and adds without being asked again. `state` is what it has.
        """
        limits = self._limits
        if document_bytes > limits.document_bytes:
            raise InvalidUpdate(
                RefusalReason.TOO_LARGE, f"the document would grow over {limits.document_bytes} bytes"
            )
        # The sum is nearly always far from the limit; only near it are the new ones counted.
        if len(state) + len(update.structs) > limits.document_clients:
            self._check_clients(update, state)
        if update.depth or self._deep:
            self._check_depth(update, waiting_depth, state)

    def _check_clients(self, update: Update, state: StateVector) -> None:
        limit = self._limits.document_clients
        new = {run.client for run in update.structs}.difference(state)
        if len(state) + len(new) > limit:
            raise InvalidUpdate(RefusalReason.TOO_LARGE, f"the document has {limit} client ids already")

    def _check_depth(self, update: Update, waiting: int, state: StateVector) -> None:
        if self._deep and any(self._names_deep(run, state) for run in update.structs):
            raise InvalidUpdate(RefusalReason.TOO_LARGE, "a new struct stands in a type that lies too deep")
        unaudited = self.unaudited_depth + waiting + update.depth
        if self._base_depth + unaudited > self._limits.document_depth:
            raise InvalidUpdate(RefusalReason.TOO_LARGE, "too many types lie in each other")
        if unaudited > self._limits.unaudited_depth and self.unaudited_depth:
            raise NeedsAudit

    def _names_deep(self, run: Run, state: StateVector) -> bool:
        """Whether a struct of it that is new stands in a type that lies too deep."""
        known = state.get(run.client, 0)
        return any(clock >= known and (client, end - 1) in self._deep for clock, client, end in run.parents)
