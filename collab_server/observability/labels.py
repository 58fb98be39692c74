"""The labels of gauges that say what the server is made of right now.

Owns the members alone; a label's text is the member's lower-case name, `value` says what it stands for. Who
fills them in is `runtime`'s.
"""

from __future__ import annotations

from enum import Enum


class MemoryKind(Enum):
    """What memory of the server process is taken by."""

    INDEX = "what each open room knows of its clients and deletions, slow readers' places included"
    TAIL = "edits since the last compaction, of all open rooms"
    HELD = "edits that wait for a missing predecessor"
    ANSWERS = "whole documents kept a few seconds for those who join"
    BASE_CACHE = "compacted documents, for those who join"
    OUTBOUND = "written to connections and not taken by the operating system; shared bytes count for each"


class RoomState(Enum):
    """Where a room in memory stands."""

    OPENING = "being read from the journal"
    OCCUPIED = "somebody is in it"
    LINGERING = "nobody is in it; it stays for a while"
    UNLOADING = "nobody is in it; it is being saved and compacted, then forgotten"


class Waiting(Enum):
    """What sessions wait for."""

    BASE = "the compacted document, to be read from the disk"
    AUDIT = "a compaction that tells whether what they sent is harmless"
    SAVE = "the commit that a mark of theirs was set for"
