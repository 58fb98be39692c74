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
class Question:
    """One question. `version` holds all that was sent before it; None while something of that is missing."""

    yes: bytes
    no: bytes | None
    version: int | None = None


def room_channel_mark(mark: int) -> Question:
    """What a mark of the room channel asks."""
    return Question(
        yes=messages.encode_room_channel(envelope.saved(mark, LEVEL)),
        no=messages.encode_room_channel(envelope.nack("refused", _REFUSED, mark=mark)),
    )


def sync_status_mark(body: bytes) -> Question:
    """A sync status (type 102): echoed when saved, never answered otherwise."""
    return Question(yes=messages.encode_sync_status(body), no=None)


class Marks:
    """What one session waits to be told."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: deque[Question] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        return len(self._waiting) >= MAX_WAITING

    def add(self, question: Question) -> None:
        self._waiting.append(question)

    def clear(self) -> None:
        self._waiting.clear()

    def answers(self, member: Member, *, next_version: int, saved_version: int) -> list[bytes]:
        """Messages to be sent now. `next_version` holds everything that the room has accepted so far."""
        answers: list[bytes] = []
        while self._waiting:
            question = self._waiting[0]
            answer = question.yes
            if member.refused:
                answer = question.no or b""
            elif not _is_saved(question, member, next_version, saved_version):
                break
            self._waiting.popleft()
            if answer:
                answers.append(answer)
        return answers


def _is_saved(question: Question, member: Member, next_version: int, saved_version: int) -> bool:
    if question.version is None:
        if not member.complete:
            return False
        question.version = next_version
    return saved_version >= question.version
