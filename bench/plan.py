"""The workloads as values, how they shrink, and the job that the generator is given.

Owns every number that defines a workload. Knows nothing of servers or of sockets.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["typing", "storm", "idle", "replay", "cold"]
#: The room of `bench.stored`.
STORED_ROOM = "stored"

Document = Literal["none", "automerge-paper", "large"]


@dataclass(frozen=True, slots=True)
class Workload:
    """One workload. Rates are per client; `seconds` is the measured window, `warmup_seconds` come before.

    `witnesses` of the clients, who do not type, live in a process of their own and alone give latencies.
    `stored_megabytes` is the size of a document that only our server has on its disk when it starts. The
    `visitors` come to its room, some of them to type. `sleepers` join the typists' room and do not read.
    `shrinks` names what a scale below 1 makes smaller: the number of clients in the one room, or of rooms.
    """

    name: str
    kind: Kind
    summary: str
    clients_per_room: int
    rooms: int = 1
    typists_per_room: int = 0
    edits_per_second: float = 0.0
    cursor_with_edit: bool = False
    awareness_per_second: float = 0.0
    echoes: bool = False
    witnesses: int = 0
    document: Document = "none"
    stored_megabytes: float = 0.0
    visitors: int = 0
    visitors_typing: int = 0
    visitor_edits_per_second: float = 1.0
    sleepers: int = 0
    seconds: float = 10.0
    warmup_seconds: float = 2.0
    drain_seconds: float = 30.0
    repetitions: int = 3
    shrinks: Literal["clients", "rooms", "document", "nothing"] = "clients"

    @property
    def clients(self) -> int:
        return self.rooms * self.clients_per_room

    @property
    def ours_only(self) -> bool:
        """Whether it needs what only our server keeps and tells: a stored document, stalls of its loop."""
        return self.stored_megabytes > 0

    @property
    def room_of_class(self) -> str | None:
        """The one room of the typists where it is not an empty one."""
        return STORED_ROOM if self.sleepers else None

    def scaled(self, scale: float) -> Workload:
        """The same work at a fraction of its size; at least two clients remain in a room."""
        if scale == 1 or self.shrinks == "nothing":
            return self
        if self.stored_megabytes:
            # A tenth of a megabyte is less than one paper.
            self = dataclasses.replace(self, stored_megabytes=max(0.1, self.stored_megabytes * scale))
        if self.shrinks == "document":
            return self
        if self.shrinks == "rooms":
            return dataclasses.replace(self, rooms=max(1, round(self.rooms * scale)))
        clients = max(2, round(self.clients_per_room * scale))
        typists = min(clients, max(1, round(self.typists_per_room * scale))) if self.typists_per_room else 0
        witnesses = min(self.witnesses, clients - typists)
        visitors = max(2, round(self.visitors * scale)) if self.visitors else 0
        return dataclasses.replace(
            self,
            clients_per_room=clients,
            typists_per_room=typists,
            witnesses=witnesses,
            visitors=visitors,
            visitors_typing=min(visitors, self.visitors_typing),
        )


_CLASS = Workload(
    name="class",
    kind="typing",
    summary="1 room, 30 clients, all typing 10 edits/s, a cursor with each edit",
    clients_per_room=30,
    typists_per_room=30,
    edits_per_second=10,
    cursor_with_edit=True,
    echoes=True,
)


def _cold(megabytes: float) -> Workload:
    return Workload(
        name=f"cold-{megabytes:g}",
        kind="cold",
        summary=f"a stored document of {megabytes:g} MB, not in memory, opened by one client, then another",
        clients_per_room=2,
        stored_megabytes=megabytes,
        shrinks="document",
    )


_COLD = [_cold(megabytes) for megabytes in (0.2, 4, 20, 48)]
COLD = [workload.name for workload in _COLD]

WORKLOADS = {
    workload.name: workload
    for workload in (
        _CLASS,
        Workload(
            name="lecture",
            kind="typing",
            summary="1 room, 300 clients, all typing 2 edits/s",
            clients_per_room=300,
            typists_per_room=300,
            edits_per_second=2,
        ),
        Workload(
            name="school",
            kind="typing",
            summary="1,000 rooms of 5 clients, 2 of them typing an edit every 2 s",
            rooms=1000,
            clients_per_room=5,
            typists_per_room=2,
            edits_per_second=0.5,
            repetitions=2,
            shrinks="rooms",
        ),
        Workload(
            name="lone",
            kind="typing",
            summary="1 room, 2 clients, one of them typing 10 edits/s, nothing else on the server",
            clients_per_room=2,
            typists_per_room=1,
            edits_per_second=10,
            seconds=6.0,
            warmup_seconds=1.0,
            shrinks="nothing",
        ),
        Workload(
            name="presence",
            kind="typing",
            summary="1 room, 500 clients, awareness at 1 Hz each, 5 of them typing 2 edits/s",
            clients_per_room=500,
            typists_per_room=5,
            edits_per_second=2,
            awareness_per_second=1,
            echoes=True,
            witnesses=5,
            seconds=6.0,
            warmup_seconds=1.0,
            repetitions=2,
        ),
        Workload(
            name="storm",
            kind="storm",
            summary="300 clients join one room with the automerge-paper document at the same moment",
            clients_per_room=300,
            document="automerge-paper",
        ),
        Workload(
            name="storm-large",
            kind="storm",
            summary="150 clients join one room with a document of 4 MB at the same moment",
            clients_per_room=150,
            document="large",
        ),
        Workload(
            name="idle",
            kind="idle",
            summary="10,000 connections in 2,000 rooms, no traffic",
            rooms=2000,
            clients_per_room=5,
            seconds=3.0,
            repetitions=1,
            shrinks="rooms",
        ),
        Workload(
            name="replay",
            kind="replay",
            summary="the friendsforever history by two clients, as fast as acknowledgement allows",
            clients_per_room=2,
            drain_seconds=60.0,
            repetitions=1,
            shrinks="nothing",
        ),
        *_COLD,
        dataclasses.replace(
            _CLASS,
            name="snapshot",
            summary="class, while a document of 20 MB in another room is compacted and joined by 50 clients",
            stored_megabytes=20,
            visitors=50,
            visitors_typing=1,
            seconds=20.0,
        ),
        dataclasses.replace(
            _CLASS,
            name="snapshot-large",
            summary="class, while a document of 48 MB in another room is opened, compacted, joined by 50 "
            "clients and edited by 30 of them",
            stored_megabytes=48,
            visitors=50,
            visitors_typing=30,
            seconds=60.0,
            drain_seconds=60.0,
            repetitions=1,
        ),
        dataclasses.replace(
            _CLASS,
            name="slow",
            summary="class in a room with 4 MB, while 3 clients join it that read nothing",
            stored_megabytes=4,
            sleepers=3,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Job:
    """One run of one workload against one server, as handed to the generator process."""

    workload: Workload
    port: int
    dialect: str
    server_pid: int
    core: int | None
    keeps_documents: bool
    documents: str
    seed: int = 1

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        raw: dict[str, Any] = json.loads(text)
        return cls(**{**raw, "workload": Workload(**raw["workload"])})
