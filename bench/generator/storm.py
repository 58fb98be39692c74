"""The workload in which many clients join one room with a document at the same moment.

First the same number of clients joins an empty room (what a join costs without a document), then the
document is put into a room and everybody joins that. CPU is counted from the first connection until nothing
more arrives.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from bench.generator.client import Client, Place, join, join_all, quiet
from bench.generator.codec import var_uint
from bench.generator.dialects import DIALECTS
from bench.generator.hub import Hub
from bench.generator.replicas import LoadedReplica
from bench.generator.updates import read_update, split_update
from bench.generator.verify import build, text_of
from bench.plan import Job
from bench.usage import cpu_seconds, usage

#: The floor serves its document in rooms of this name.
STORM_ROOM = "storm"
_JOIN_LIMIT_SECONDS = 90.0
_SEED_TRIES = 40
#: The document is put into the room in updates of this size, as an import would: servers limit one update.
_STRUCTS_PER_PIECE = 5000


@dataclass(frozen=True, slots=True)
class Rush:
    """One simultaneous join: server CPU, and after how many seconds each client was synced (sorted)."""

    cpu_seconds: float
    synced_after: list[float]


class Storm:
    """One run. `run()` gives the measured values as plain JSON."""

    def __init__(self, job: Job) -> None:
        self.job = job
        name = job.workload.document
        self.document = (Path(job.documents) / f"{name}.bin").read_bytes()
        self.deletes = _deleted_ranges(self.document)
        self.hub = Hub(parses=False)
        self._next_client = 100_001

    async def run(self) -> dict[str, object]:
        empty, _ = await self._rush("empty", deletes=b"\x00")
        seeder = await self._seed()
        before = usage(self.job.server_pid).resident_bytes
        loaded, clients = await self._rush(STORM_ROOM, deletes=self.deletes)
        peak = usage(self.job.server_pid).resident_bytes
        whole = self._all_whole(clients)
        for client in [*clients, seeder]:
            client.leave()
        return self._result(empty, loaded) | {
            "replicas_equal": whole,
            "resident_mb": round(peak / 1e6, 1),
            "resident_growth_mb": round((peak - before) / 1e6, 1),
            "disconnects": self.hub.disconnects,
            "failure": repr(self.hub.failure) if self.hub.failure else None,
        }

    def _client(self, room: str, deletes: bytes) -> Client:
        self._next_client += 1
        place = Place(self.job.port, DIALECTS[self.job.dialect], room, self._next_client)
        return Client(place, self.hub, LoadedReplica(deletes))

    async def _rush(self, room: str, *, deletes: bytes) -> tuple[Rush, list[Client]]:
        """Join `room` with everybody at once. The first one alone, if the room is new, so that it exists."""
        clients = [self._client(room, deletes) for _ in range(self.job.workload.clients)]
        opener = self._client(room, deletes)
        async with asyncio.timeout(_JOIN_LIMIT_SECONDS):
            await join_all([opener], at_once=1)
            await quiet([opener], still_seconds=0.5, limit_seconds=5)
            cpu, started = cpu_seconds(self.job.server_pid), time.perf_counter()
            await join_all(clients, at_once=len(clients))
            await quiet(clients, still_seconds=0.1, limit_seconds=30)
        cpu = cpu_seconds(self.job.server_pid) - cpu
        opener.leave()
        if room != STORM_ROOM:
            for client in clients:
                client.leave()
        return Rush(cpu, sorted(client.synced_at - started for client in clients)), clients

    async def _seed(self) -> Client:
        """Put the document into the room, and wait until a joiner gets it."""
        seeder = await join(self._client(STORM_ROOM, b"\x00"))
        await seeder.synced
        for piece in split_update(self.document, _STRUCTS_PER_PIECE):
            seeder.send_update(piece)
        for _ in range(_SEED_TRIES):
            await asyncio.sleep(0.25)
            probe = await join(self._client(STORM_ROOM, b"\x00"))
            await probe.synced
            probe.leave()
            if len(self.hub.batch_updates[probe.batches[0]]) > 0.9 * len(self.document):
                await asyncio.sleep(1.0)
                return seeder
        raise TimeoutError("the document never arrived in the room")

    def _all_whole(self, clients: list[Client]) -> bool:
        """Whether what each client received makes the document. Equal sequences of updates are built once."""
        wanted = text_of(build([self.document]))
        verdicts: dict[tuple[int, ...], bool] = {}
        for client in clients:
            key = tuple(client.batches)
            if key not in verdicts:
                received = build(self.hub.batch_updates[batch] for batch in key)
                verdicts[key] = text_of(received) == wanted
        return all(verdicts.values())

    def _result(self, empty: Rush, loaded: Rush) -> dict[str, object]:
        joins = self.job.workload.clients
        last = loaded.synced_after[-1]
        return {
            "joins": joins,
            "document_bytes": len(self.document),
            "cpu_seconds": loaded.cpu_seconds,
            "cpu_us_per_join": loaded.cpu_seconds * 1e6 / joins,
            "cpu_us_per_empty_join": empty.cpu_seconds * 1e6 / joins,
            "median_synced_seconds": loaded.synced_after[joins // 2],
            "last_synced_seconds": last,
            "megabytes_per_second": joins * len(self.document) / last / 1e6,
            "lost": 0,
        }


def _deleted_ranges(update: bytes) -> bytes:
    """The deleted ranges at the end of an update of one client, encoded."""
    deletes = read_update(update).deletes
    if not deletes:
        return b"\x00"
    ranges = b"".join(var_uint(start) + var_uint(end - start) for _, start, end in deletes)
    return b"\x01" + var_uint(deletes[0][0]) + var_uint(len(deletes)) + ranges
