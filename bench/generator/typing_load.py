"""The workloads in which clients type: class, lecture, school, lone, presence.

Connect everybody, let the joins settle, type through a warm-up and the window, stop, wait until all is
delivered, then judge. Edits are paced by a fixed schedule, whatever the server does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from bench.generator.client import Client, join, quiet
from bench.generator.deliveries import Tally, Window, percentile
from bench.generator.hub import Hub
from bench.generator.players import Act, Players, replica_of
from bench.generator.scrape import Reading, first_scrape, scrape
from bench.generator.sleepers import Sleeper, fall_asleep, wake
from bench.generator.updates import keystroke, typed_or_stored
from bench.generator.verify import Content, content_of, sample
from bench.generator.visitors import Visitors
from bench.generator.witness import Witnesses
from bench.plan import Job
from bench.usage import cpu_seconds, usage

_JOIN_LIMIT_SECONDS = 60.0
_SETTLE_LIMIT_SECONDS = 60.0
_STILL_SECONDS = 0.7
_SAMPLED_CLIENTS = 5
_SAMPLED_ROOMS = 3


@dataclass(frozen=True, slots=True)
class Mark:
    """Counters at one end of the window."""

    moment: float
    server_cpu: float
    own_cpu: float
    frames_sent: int
    frames_received: int


class TypingLoad:
    """One run. `run()` gives the measured values as plain JSON."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.hub = Hub(expected=typed_or_stored)
        here = job.workload.clients - job.workload.witnesses
        self.players = Players(job, self.hub, range(here))
        self.clients = list(self.players.clients.values())
        self.witnesses: Witnesses | None = None
        self.visitors: Visitors | None = None
        self.sleepers: list[Sleeper] = []
        self.reading: Reading | None = None
        self.marks: list[Mark] = []
        self.others: dict[str, int] = {}

    async def run(self) -> dict[str, object]:
        before = usage(self.job.server_pid).resident_bytes
        await self._join()
        settled = await quiet(self.clients, still_seconds=0.3, limit_seconds=_SETTLE_LIMIT_SECONDS)
        await self._play()
        tally, seconds = await self._drain()
        resident = usage(self.job.server_pid).resident_bytes
        loop = await self._loop_since_play()
        equal = await self._replicas_equal(tally)
        visit = await self._judge_visit()
        if self.witnesses is not None:
            await self.witnesses.stop()
        for client in self.clients:
            self.hub.count_awareness(client.learnt)
        return (
            self._result(tally)
            | loop
            | visit
            | {
                "settled_before": settled,
                "drain_seconds": round(seconds, 2),
                "replicas_equal": equal and visit.get("visitors_equal", True),
                "resident_mb": round(resident / 1e6, 1),
                "resident_growth_mb": round((resident - before) / 1e6, 1),
            }
        )

    async def _join(self) -> None:
        async with asyncio.timeout(_JOIN_LIMIT_SECONDS):
            await self.players.join()
            if self.job.workload.witnesses:
                self.witnesses = await Witnesses.start(self.job)
                await self.witnesses.join()
        if self.job.workload.visitors:
            self.visitors = await Visitors.start(self.job)

    async def _play(self) -> None:
        if self.job.workload.ours_only:
            self.reading = await first_scrape(self.job.port)
        started = time.perf_counter() + 0.05
        begins = started + self.job.workload.warmup_seconds
        async with asyncio.TaskGroup() as group:
            if self.visitors is not None:
                group.create_task(self.visitors.visit(begins), name="visitors")
            if self.job.workload.sleepers:
                group.create_task(self._send_to_sleep(begins), name="sleepers")
            if self.witnesses is not None:
                group.create_task(self.witnesses.play(started), name="witnesses play")
            await self.players.play(started, self._mark)

    async def _send_to_sleep(self, begins: float) -> None:
        await asyncio.sleep(max(0.0, begins - time.perf_counter()))
        room = self.clients[0].place.room
        self.sleepers = await fall_asleep(self.job.workload.sleepers, self.job.port, room)

    def _mark(self, act: Act) -> None:
        mark = Mark(
            moment=time.perf_counter(),
            server_cpu=cpu_seconds(self.job.server_pid),
            own_cpu=time.process_time(),
            frames_sent=sum(client.frames_sent for client in self.clients),
            frames_received=sum(client.frames_received for client in self.clients),
        )
        self.marks.append(mark)
        if act is Act.OPEN_WINDOW:
            self.hub.window_start = mark.moment
        else:
            self.hub.window_end = mark.moment

    # -- afterwards ------------------------------------------------------------------------------------

    async def _drain(self) -> tuple[Tally, float]:
        """Wait until every edit arrived, or the limit passed. Returns the tally and the seconds waited."""
        started = time.perf_counter()
        limit = started + self.job.workload.drain_seconds
        while True:
            left = max(0.0, limit - time.perf_counter())
            await quiet(self.clients, still_seconds=_STILL_SECONDS, limit_seconds=left)
            ended = time.perf_counter()
            tally = await self._tally()
            if tally.lost == 0 or ended >= limit or self.hub.failure is not None:
                return tally, ended - started
            await asyncio.sleep(0.5)

    async def _loop_since_play(self) -> dict[str, object]:
        """What our server says of its event loop since the typing began; wakes who slept."""
        wake(self.sleepers)
        return {} if self.reading is None else (await scrape(self.job.port)).since(self.reading)

    async def _judge_visit(self) -> dict[str, object]:
        if self.visitors is None:
            return {}
        found = await self.visitors.judge()
        await self.visitors.stop()
        if self._visitors_failed(found):
            found["failure"] = f"visitors: {found}"
        return found

    def _visitors_failed(self, found: Mapping[str, object]) -> bool:
        """What they lost, or who of them did not come, counts as what the class lost."""
        missing = found["visitors_joined"] != self.job.workload.visitors
        return missing or any(found[f"visitors_{what}"] for what in ("lost", "failure", "disconnects"))

    def _window(self) -> Window:
        return Window(self.marks[0].moment, self.marks[1].moment)

    async def _tally(self) -> Tally:
        tally = self.players.tally(self.hub.edit_times, self._window())
        if self.witnesses is not None:
            self.others = await self.witnesses.tally(self.hub.edit_times, self._window(), tally)
        return tally

    async def _replicas_equal(self, tally: Tally) -> bool:
        """All complete, and in the sampled rooms: sampled members and a late joiner build one document."""
        if tally.lost or self.hub.failure is not None:
            return False
        for number in sample(self.job.workload.rooms, _SAMPLED_ROOMS):
            members = self.players.room(number)
            contents = {self._content(members[n]) for n in sample(len(members), _SAMPLED_CLIENTS)}
            if self.job.keeps_documents:
                contents.add(await self._content_of_joiner(number))
            if len(contents) != 1:
                return False
        return True

    def _content(self, client: Client) -> Content:
        replica = replica_of(client)
        received = [self.hub.batch_updates[batch] for batch in client.batches]
        own = [keystroke(replica.client, clock) for clock in range(replica.clock)]
        return content_of(received + own)

    async def _content_of_joiner(self, room: int) -> Content:
        joiner = self.players.make_guest(room)
        await join(joiner)
        await asyncio.wait_for(joiner.synced, 10)
        await quiet([joiner], still_seconds=0.2, limit_seconds=2)
        joiner.leave()
        return content_of([self.hub.batch_updates[batch] for batch in joiner.batches])

    def _result(self, tally: Tally) -> dict[str, object]:
        first, last = self.marks
        seconds = last.moment - first.moment
        cpu = last.server_cpu - first.server_cpu
        states = self.players.states_learnt(self._window()) + self.others.get("states_learnt", 0)
        lags = sorted(self.players.lags)
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
            "generator_lag_p99_ms": lags[int(0.99 * (len(lags) - 1))] * 1000,
            "disconnects": self.hub.disconnects + self.others.get("disconnects", 0),
            "failure": repr(self.hub.failure) if self.hub.failure else None,
        }


def _ratio(amount: float, count: int) -> float | None:
    return amount / count if count else None
