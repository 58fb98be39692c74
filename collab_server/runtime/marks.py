"""The questions for durability of one session: answered in their order, and only when the answer is true.

Owns when a mark may be answered; knows nothing of how the answer travels.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from collab_server.protocol import envelope, messages
from collab_server.rooms.member import Member

LEVEL = "journaled"
MAX_WAITING = 1_000

_REFUSED = "An edit of this session was refused, so not everything it sent is saved."


@dataclass(slots=True)
class Mark:
    """One question. `version` holds all that was sent before it; None while something of that is missing."""

    yes: bytes
    no: bytes | None
    version: int | None = None


def room_channel_mark(mark: int) -> Mark:
    """The mark of a room-channel envelope."""
    return Mark(
        yes=messages.encode_room_channel(envelope.saved(mark, LEVEL)),
        no=messages.encode_room_channel(envelope.nack("refused", _REFUSED, mark=mark)),
    )


def sync_status_mark(body: bytes) -> Mark:
    """A sync status (type 102): echoed when saved, never answered otherwise."""
    return Mark(yes=messages.encode_sync_status(body), no=None)


class Marks:
    """What one session waits to be told."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: deque[Mark] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        return len(self._waiting) >= MAX_WAITING

    def add(self, mark: Mark) -> None:
        self._waiting.append(mark)

    def clear(self) -> None:
        self._waiting.clear()

    def answers(self, member: Member, *, next_version: int, saved_version: int) -> list[bytes]:
        """Messages to be sent now. `next_version` holds everything that the room has accepted so far."""
        answers: list[bytes] = []
        while self._waiting:
            mark = self._waiting[0]
            answer = mark.yes
            if member.refused:
                answer = mark.no or b""
            elif not _is_saved(mark, member, next_version, saved_version):
                break
            self._waiting.popleft()
            if answer:
                answers.append(answer)
        return answers


def _is_saved(mark: Mark, member: Member, next_version: int, saved_version: int) -> bool:
    if mark.version is None:
        if not member.complete:
            return False
        mark.version = next_version
    return saved_version >= mark.version
