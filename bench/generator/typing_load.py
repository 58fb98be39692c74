"""The workloads in which clients type: class, lecture, school, lone, presence.

Connect everybody, let the joins settle, type through a warm-up and the window, stop, wait until all is
delivered, then judge. Edits are paced by a fixed schedule, whatever the server does.
"""

from __future__ import annotations

import asyncio
import random
import time
from array import array
from dataclasses import dataclass
from enum import IntEnum

from bench.generator.client import Client, Place, join, join_all, quiet
from bench.generator.deliveries import Tally, Window, percentile, tally_client
from bench.generator.dialects import DIALECTS
from bench.generator.hub import Hub
from bench.generator.replicas import TypedReplica
from bench.generator.updates import keystroke, typed_character
from bench.generator.verify import content_of, sample
from bench.plan import Job, Workload
from bench.usage import cpu_seconds, usage

_AT_ONCE = 50
_JOIN_LIMIT_SECONDS = 60.0
_SETTLE_LIMIT_SECONDS = 60.0
_STILL_SECONDS = 0.7
_SAMPLED_CLIENTS = 5
_SAMPLED_ROOMS = 3
_FIRST_CLIENT_ID = 100_001


class Act(IntEnum):
    OPEN_WINDOW = 0
    TYPE = 1
    TYPE_WITH_CURSOR = 2
    ANNOUNCE = 3
    CLOSE_WINDOW = 4


@dataclass(frozen=True, slots=True)
class Mark:
    """Counters at one end of the window."""

    moment: float
    server_cpu: float
    own_cpu: float
    frames_sent: int
    frames_received: int
    states_learnt: int


class TypingLoad:
    """One run. `run()` gives the measured values as plain JSON."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.hub = Hub(expected=typed_character)
        self.clients: list[Client] = []
        self.rooms: list[list[Client]] = []
        self.marks: list[Mark] = []
        self.lags = array("d")

    async def run(self) -> dict[str, object]:
        before = usage(self.job.server_pid).resident_bytes
        self._make_clients()
        await self._join()
        workload = self.job.workload
        settled = await quiet(self.clients, still_seconds=0.3, limit_seconds=_SETTLE_LIMIT_SECONDS)
        await self._play(schedule(workload, self.job.seed))
        tally, seconds = await self._drain()
        resident = usage(self.job.server_pid).resident_bytes
        equal = await self._replicas_equal(tally)
        return self._result(tally) | {
            "settled_before": settled,
            "drain_seconds": round(seconds, 2),
            "replicas_equal": equal,
            "resident_mb": round(resident / 1e6, 1),
            "resident_growth_mb": round((resident - before) / 1e6, 1),
        }

    async def _join(self) -> None:
        """One member of each room first: a second one while its room opens hangs pycrdt-websocket."""
        async with asyncio.timeout(_JOIN_LIMIT_SECONDS):
            await join_all([members[0] for members in self.rooms], at_once=_AT_ONCE)
            await join_all([client for members in self.rooms for client in members[1:]], at_once=_AT_ONCE)

    def _make_clients(self) -> None:
        workload = self.job.workload
        for room in range(workload.rooms):
            members = [
                self._client(f"room-{room}", room * workload.clients_per_room + seat)
                for seat in range(workload.clients_per_room)
            ]
            self.rooms.append(members)
            self.clients.extend(members)

    def _client(self, room: str, number: int) -> Client:
        place = Place(self.job.port, DIALECTS[self.job.dialect], room, _FIRST_CLIENT_ID + number)
        return Client(place, self.hub, TypedReplica(place.client), echoes=self.job.workload.echoes)

    # -- typing ------------------------------------------------------------------------------------

    async def _play(self, acts: list[tuple[float, Act, int]]) -> None:
        started = time.perf_counter() + 0.05
        for due, act, number in acts:
            wait = started + due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            elif self.hub.failure is not None:
                break
            self._perform(act, number)
            self.lags.append(time.perf_counter() - started - due)

    def _perform(self, act: Act, number: int) -> None:
        if act is Act.OPEN_WINDOW:
            self.marks.append(self._mark())
            self.hub.window_start = self.marks[0].moment
        elif act is Act.CLOSE_WINDOW:
            self.marks.append(self._mark())
            self.hub.window_end = self.marks[1].moment
        elif act is Act.ANNOUNCE:
            client = self.clients[number]
            client.announce(_clock(client))
        else:
            self._type(self.clients[number])
            if act is Act.TYPE_WITH_CURSOR:
                self.clients[number].announce(_clock(self.clients[number]))

    def _type(self, client: Client) -> None:
        replica = client.replica
        assert isinstance(replica, TypedReplica)
        update = keystroke(replica.client, replica.clock)
        replica.clock += 1
        self.hub.edit_times.setdefault(replica.client, array("d")).append(time.perf_counter())
        client.send_update(update)

    def _mark(self) -> Mark:
        return Mark(
            moment=time.perf_counter(),
            server_cpu=cpu_seconds(self.job.server_pid),
            own_cpu=time.process_time(),
            frames_sent=sum(client.frames_sent for client in self.clients),
            frames_received=sum(client.frames_received for client in self.clients),
            states_learnt=sum(client.states_learnt for client in self.clients),
        )

    # -- afterwards --------------------------------------------------------------------------------

    async def _drain(self) -> tuple[Tally, float]:
        """Wait until every edit arrived, or the limit passed. Returns the tally and the seconds waited."""
        started = time.perf_counter()
        limit = started + self.job.workload.drain_seconds
        while True:
            left = max(0.0, limit - time.perf_counter())
            await quiet(self.clients, still_seconds=_STILL_SECONDS, limit_seconds=left)
            ended = time.perf_counter()
            tally = self._tally()
            if tally.lost == 0 or ended >= limit or self.hub.failure is not None:
                return tally, ended - started
            await asyncio.sleep(0.5)

    def _window(self) -> Window:
        return Window(self.marks[0].moment, self.marks[1].moment)

    def _tally(self) -> Tally:
        tally = Tally()
        for members in self.rooms:
            sent = {c.place.client: self.hub.edit_times.get(c.place.client, array("d")) for c in members}
            for client in members:
                arrivals = zip(client.times, client.batches, strict=True)
                own = client.place.client
                tally_client(own, arrivals, self.hub.batches, sent, self._window(), tally)
        return tally

    async def _replicas_equal(self, tally: Tally) -> bool:
        """All complete, and in the sampled rooms: sampled members and a late joiner build one document."""
        if tally.lost or self.hub.failure is not None:
            return False
        for number in sample(len(self.rooms), _SAMPLED_ROOMS):
            members = self.rooms[number]
            contents = {self._content(members[n]) for n in sample(len(members), _SAMPLED_CLIENTS)}
            if self.job.keeps_documents:
                contents.add(await self._content_of_joiner(members[0].place.room))
            if len(contents) != 1:
                return False
        return True

    def _content(self, client: Client) -> object:
        replica = client.replica
        assert isinstance(replica, TypedReplica)
        received = [self.hub.batch_updates[batch] for batch in client.batches]
        own = [keystroke(replica.client, clock) for clock in range(replica.clock)]
        return content_of(received + own)

    async def _content_of_joiner(self, room: str) -> object:
        joiner = self._client(room, len(self.clients))
        await join(joiner)
        await asyncio.wait_for(joiner.synced, 10)
        await quiet([joiner], still_seconds=0.2, limit_seconds=2)
        joiner.leave()
        return content_of([self.hub.batch_updates[batch] for batch in joiner.batches])

    def _result(self, tally: Tally) -> dict[str, object]:
        first, last = self.marks
        seconds = last.moment - first.moment
        cpu = last.server_cpu - first.server_cpu
        states = last.states_learnt - first.states_learnt
        return {
            "window_seconds": seconds,
            "cpu_seconds": cpu,
            "cpu_share": cpu / seconds,
            "cpu_us_per_edit": _ratio(cpu * 1e6, tally.in_window),
            "cpu_us_per_state": _ratio(cpu * 1e6, states),
            "edits": sum(len(times) for times in self.hub.edit_times.values()),
            "expected": tally.expected,
            "delivered": tally.delivered,
            "lost": tally.lost,
            "deliveries_in_window": tally.in_window,
            "p50_ms": tally.percentile_ms(0.5),
            "p99_ms": tally.percentile_ms(0.99),
            "max_ms": tally.percentile_ms(1.0),
            "states_learnt_in_window": states,
            "awareness_p50_ms": percentile(self.hub.awareness_ms, 0.5, 1.0),
            "awareness_p99_ms": percentile(self.hub.awareness_ms, 0.99, 1.0),
            "frames_to_server_per_second": (last.frames_sent - first.frames_sent) / seconds,
            "frames_from_server_per_second": (last.frames_received - first.frames_received) / seconds,
            "generator_cpu_share": (last.own_cpu - first.own_cpu) / seconds,
            "generator_lag_p99_ms": sorted(self.lags)[int(0.99 * (len(self.lags) - 1))] * 1000,
            "disconnects": self.hub.disconnects,
            "failure": repr(self.hub.failure) if self.hub.failure else None,
        }


def _ratio(amount: float, count: int) -> float | None:
    return amount / count if count else None


def _clock(client: Client) -> int:
    replica = client.replica
    assert isinstance(replica, TypedReplica)
    return replica.clock


def schedule(workload: Workload, seed: int) -> list[tuple[float, Act, int]]:
    """(seconds from the start, what, client number), in order: phases at random, gaps ±10 %."""
    chance = random.Random(seed)
    end = workload.warmup_seconds + workload.seconds
    acts = [(workload.warmup_seconds, Act.OPEN_WINDOW, 0)]
    typing = Act.TYPE_WITH_CURSOR if workload.cursor_with_edit else Act.TYPE
    for number in range(workload.clients):
        if number % workload.clients_per_room < workload.typists_per_room:
            acts.extend(_beats(chance, workload.edits_per_second, end, (typing, number)))
        if workload.awareness_per_second:
            acts.extend(_beats(chance, workload.awareness_per_second, end, (Act.ANNOUNCE, number)))
    acts.sort()
    return [*acts, (end, Act.CLOSE_WINDOW, 0)]


def _beats(
    chance: random.Random, rate: float, end: float, act: tuple[Act, int]
) -> list[tuple[float, Act, int]]:
    beats = []
    gap = 1 / rate
    moment = chance.random() * gap
    while moment < end:
        beats.append((moment, *act))
        moment += gap * chance.uniform(0.9, 1.1)
    return beats
