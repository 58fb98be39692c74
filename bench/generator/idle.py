"""The workload without traffic: what a connection and a room cost in memory.

First one client per room, then the others: the second step adds connections alone, so the two costs come
apart. At the end a few rooms must still relay an edit.
"""

from __future__ import annotations

import asyncio

from bench.generator.client import Client, Place, join_all, quiet
from bench.generator.dialects import DIALECTS
from bench.generator.hub import Hub
from bench.generator.replicas import TypedReplica
from bench.generator.updates import keystroke, typed_character
from bench.generator.verify import sample
from bench.plan import Job
from bench.usage import cpu_seconds, usage

_AT_ONCE = 100
_SETTLE_SECONDS = 2.0
_TRIED_ROOMS = 20
_ARRIVAL_LIMIT_SECONDS = 5.0
_JOIN_LIMIT_SECONDS = 120.0


class Idle:
    """One run. `run()` gives the measured values as plain JSON."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.hub = Hub(expected=typed_character)
        seats, rooms = job.workload.clients_per_room, job.workload.rooms
        self.rooms = [[self._client(room, seat) for seat in range(seats)] for room in range(rooms)]

    def _client(self, room: int, seat: int) -> Client:
        number = 100_001 + room * self.job.workload.clients_per_room + seat
        place = Place(self.job.port, DIALECTS[self.job.dialect], f"room-{room}", number)
        return Client(place, self.hub, TypedReplica(number))

    async def run(self) -> dict[str, object]:
        openers = [members[0] for members in self.rooms]
        others = [client for members in self.rooms for client in members[1:]]
        start = await self._resident()
        cpu = cpu_seconds(self.job.server_pid)
        async with asyncio.timeout(_JOIN_LIMIT_SECONDS):
            await join_all(openers, at_once=_AT_ONCE)
            opened = await self._resident()
            await join_all(others, at_once=_AT_ONCE)
        full = await self._resident()
        joined_cpu = cpu_seconds(self.job.server_pid) - cpu
        await asyncio.sleep(self.job.workload.seconds)
        missing = await self._missing()
        per_connection = (full - opened) / len(others)
        return {
            "connections": len(openers) + len(others),
            "rooms": len(openers),
            "bytes_per_connection": per_connection,
            "bytes_per_room": (opened - start) / len(openers) - per_connection,
            "cpu_us_per_join": joined_cpu * 1e6 / (len(openers) + len(others)),
            "resident_mb": round(full / 1e6, 1),
            "resident_growth_mb": round((full - start) / 1e6, 1),
            "lost": missing,
            "replicas_equal": missing == 0 and self.hub.disconnects == 0,
            "disconnects": self.hub.disconnects,
            "failure": repr(self.hub.failure) if self.hub.failure else None,
        }

    async def _resident(self) -> int:
        await asyncio.sleep(_SETTLE_SECONDS)
        return usage(self.job.server_pid).resident_bytes

    async def _missing(self) -> int:
        """Type one character in some rooms; return how many of the others did not get it in time."""
        tried = [self.rooms[number] for number in sample(len(self.rooms), _TRIED_ROOMS)]
        readers = [client for members in tried for client in members[1:]]
        before = {client: len(client.times) for client in readers}
        for members in tried:
            members[0].send_update(keystroke(members[0].place.client, 0))
        await quiet(readers, still_seconds=1.0, limit_seconds=_ARRIVAL_LIMIT_SECONDS)
        return sum(len(client.times) == before[client] for client in readers)
