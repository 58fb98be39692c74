"""Clients that type and announce by a schedule, as one process plays them.

A workload's clients have numbers; a process plays those it is given, and every process derives the same
schedule from the same seed. Owns joining, playing and counting; knows nothing of windows, verdicts or the
server's process.
"""

from __future__ import annotations

import asyncio
import random
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum

from bench.generator.client import Client, Place, join_all
from bench.generator.deliveries import Tally, Window, tally_client
from bench.generator.dialects import DIALECTS
from bench.generator.hub import Hub
from bench.generator.replicas import TypedReplica
from bench.generator.updates import keystroke
from bench.plan import Job, Workload

_AT_ONCE = 50
_FIRST_CLIENT_ID = 100_001

#: Departure times of each author's edits, by clock.
Departures = Mapping[int, Sequence[float]]


class Act(IntEnum):
    OPEN_WINDOW = 0
    TYPE = 1
    TYPE_WITH_CURSOR = 2
    ANNOUNCE = 3
    CLOSE_WINDOW = 4


class Players:
    """The clients `numbers` of a job's workload. `lags` holds how late each act was, in seconds."""

    def __init__(self, job: Job, hub: Hub, numbers: Sequence[int]) -> None:
        self.job = job
        self.hub = hub
        size = job.workload.clients_per_room
        self.clients = {number: self._make(number, number // size) for number in numbers}
        self.lags: array[float] = array("d")

    def make_guest(self, room: int) -> Client:
        """One client more than the workload has, for a look at `room`."""
        return self._make(self.job.workload.clients, room)

    def _make(self, number: int, room: int) -> Client:
        client = _FIRST_CLIENT_ID + number
        name = self.job.workload.room_of_class or f"room-{room}"
        place = Place(self.job.port, DIALECTS[self.job.dialect], name, client)
        return Client(place, self.hub, TypedReplica(client), echoes=self.job.workload.echoes)

    def room(self, number: int) -> list[Client]:
        """Those of the clients here that are in room `number`."""
        size = self.job.workload.clients_per_room
        return [self.clients[n] for n in range(number * size, (number + 1) * size) if n in self.clients]

    async def join(self) -> None:
        """Connect everybody: one of each room first, as a second one meanwhile hangs pycrdt-websocket."""
        size = self.job.workload.clients_per_room
        openers = [client for number, client in self.clients.items() if number % size == 0]
        others = [client for number, client in self.clients.items() if number % size]
        await join_all(openers, at_once=_AT_ONCE)
        await join_all(others, at_once=_AT_ONCE)

    async def play(self, started: float, mark: Callable[[Act], None]) -> None:
        """Perform the acts of the clients here, `started` being the perf_counter time of the first."""
        for due, act, number in schedule(self.job.workload, self.job.seed):
            borders = act in (Act.OPEN_WINDOW, Act.CLOSE_WINDOW)
            if not borders and number not in self.clients:
                continue
            wait = started + due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            elif self.hub.failure is not None:
                break
            if borders:
                mark(act)
            else:
                self._perform(act, self.clients[number])
            self.lags.append(time.perf_counter() - started - due)

    def _perform(self, act: Act, client: Client) -> None:
        if act is not Act.ANNOUNCE:
            self._type(client)
        if act is not Act.TYPE:
            client.announce(replica_of(client).clock)

    def _type(self, client: Client) -> None:
        replica = replica_of(client)
        update = keystroke(replica.client, replica.clock)
        replica.clock += 1
        self.hub.edit_times.setdefault(replica.client, array("d")).append(time.perf_counter())
        client.send_update(update)

    def tally(self, sent: Departures, window: Window) -> Tally:
        """Deliveries to the clients here. `sent` has the departures of all authors, wherever played."""
        workload = self.job.workload
        tally = Tally()
        for number, client in self.clients.items():
            start = number - number % workload.clients_per_room
            authors = range(_FIRST_CLIENT_ID + start, _FIRST_CLIENT_ID + start + workload.clients_per_room)
            around = {author: sent.get(author, ()) for author in authors}
            arrivals = zip(client.times, client.batches, strict=True)
            tally_client(client.place.client, arrivals, self.hub.batches, around, window, tally)
        return tally

    def states_learnt(self, window: Window) -> int:
        """How many newer awareness states came to the clients here inside the window."""
        return sum(
            len(fresh)
            for client in self.clients.values()
            for moment, fresh in client.learnt
            if window.holds(moment)
        )


def replica_of(client: Client) -> TypedReplica:
    assert isinstance(client.replica, TypedReplica)
    return client.replica


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
