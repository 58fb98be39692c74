"""The recorded history of two authors, sent by two live clients as fast as each other's edits arrive.

An update leaves only when everything its author had seen has arrived: an editor edits only what it has.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import Counter
from pathlib import Path

from bench.documents import History, Transaction, load_history
from bench.generator.client import Client, Place, join
from bench.generator.deliveries import Arrivals, percentile
from bench.generator.dialects import DIALECTS
from bench.generator.hub import Hub
from bench.generator.replicas import HistoryReplica
from bench.generator.updates import Delta
from bench.generator.verify import build, text_of
from bench.plan import Job
from bench.usage import cpu_seconds, usage

_ROOM = "replay"
#: Updates sent in one go before other sockets get their turn.
_BURST = 64


class Progress:
    """How many of the other author's transactions are here, judged by clocks and deleted ranges."""

    def __init__(self, own: int, foreign: tuple[Transaction, ...]) -> None:
        self.count = 0
        self._foreign = foreign
        self._arrivals = Arrivals(own)
        self._clocks: set[tuple[int, int]] = set()
        self._deleted: set[tuple[int, int]] = set()

    def take(self, delta: Delta) -> None:
        for client, start, end in self._arrivals.take(delta):
            self._clocks.update((client, clock) for clock in range(start, end))
        for client, start, end in delta.deletes:
            self._deleted.update((client, clock) for clock in range(start, end))
        while self.count < len(self._foreign) and self._here(self._foreign[self.count]):
            self.count += 1

    def _here(self, transaction: Transaction) -> bool:
        return _within(transaction.runs, self._clocks) and _within(transaction.deletes, self._deleted)


def _within(ranges: tuple[tuple[int, int, int], ...], known: set[tuple[int, int]]) -> bool:
    return all((client, clock) in known for client, start, end in ranges for clock in range(start, end))


class Author(Client):
    """A client that sends its part of the history."""

    def __init__(self, place: Place, hub: Hub, own: tuple[Transaction, ...], progress: Progress) -> None:
        self.history_replica = HistoryReplica()
        super().__init__(place, hub, self.history_replica)
        self.own = own
        self.progress = progress
        #: What this author's document is made of, in the order in which it got it: own and received.
        self.applied: list[bytes] = []
        self.sent_times: array[float] = array("d")
        self.seen_times: array[float] = array("d")
        self.started = False

    def _message(self, payload: bytes, now: float) -> None:
        before = len(self.batches)
        super()._message(payload, now)
        for batch in self.batches[before:]:
            self.progress.take(self.hub.batches[batch])
            self.applied.append(self.hub.batch_updates[batch])
        while len(self.seen_times) < self.progress.count:
            self.seen_times.append(now)
        self.push()

    def push(self) -> None:
        """Send what may be sent."""
        if not self.started:
            return
        for _ in range(_BURST):
            number = len(self.sent_times)
            if number == len(self.own) or self.own[number].needs > self.progress.count:
                return
            update = self.own[number].update
            self.history_replica.sent.append(update)
            self.applied.append(update)
            self.sent_times.append(time.perf_counter())
            self.send_update(update)
        asyncio.get_running_loop().call_soon(self.push)

    @property
    def finished(self) -> bool:
        return len(self.sent_times) == len(self.own) and len(self.seen_times) == len(self.progress._foreign)


class Replay:
    """One run. `run()` gives the measured values as plain JSON."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.history: History = load_history(Path(job.documents))
        self.hub = Hub()
        self.authors = [self._author(agent) for agent in (0, 1)]

    def _place(self, client: int) -> Place:
        return Place(self.job.port, DIALECTS[self.job.dialect], _ROOM, client)

    def _author(self, agent: int) -> Author:
        own, foreign = self.history.authors[agent], self.history.authors[1 - agent]
        client = 1000 + agent
        return Author(self._place(client), self.hub, own, Progress(client, foreign))

    async def run(self) -> dict[str, object]:
        for author in self.authors:
            await join(author)
            await author.synced
        cpu, started = cpu_seconds(self.job.server_pid), time.perf_counter()
        for author in self.authors:
            author.started = True
            author.push()
        done = await self._finished(started + self.job.workload.drain_seconds)
        seconds = time.perf_counter() - started
        cpu = cpu_seconds(self.job.server_pid) - cpu
        resident = usage(self.job.server_pid).resident_bytes
        equal = done and await self._replicas_equal()
        return self._result(seconds, cpu) | {
            "replicas_equal": equal,
            "resident_mb": round(resident / 1e6, 1),
            "disconnects": self.hub.disconnects,
            "failure": repr(self.hub.failure) if self.hub.failure else None,
        }

    async def _finished(self, deadline: float) -> bool:
        while time.perf_counter() < deadline and self.hub.failure is None:
            if all(author.finished for author in self.authors):
                return True
            await asyncio.sleep(0.02)
        return False

    async def _replicas_equal(self) -> bool:
        """Both authors' documents, and that of a later joiner, hold the text of the history.

        In the order in which they got it. Story: with an author's own edits applied last, Yjs and Yrs could
        keep what was ahead for ever, because they note one clock of each client that it waits for.
        """
        texts = [text_of(build(author.applied)) for author in self.authors]
        if self.job.keeps_documents:
            joiner = await join(Client(self._place(77), self.hub, HistoryReplica()))
            await joiner.synced
            joiner.leave()
            texts.append(text_of(build(self.hub.batch_updates[batch] for batch in joiner.batches)))
        return all(text == self.history.text for text in texts)

    def _result(self, seconds: float, cpu: float) -> dict[str, object]:
        latencies: Counter[int] = Counter()
        for author, other in (self.authors, self.authors[::-1]):
            for left, came in zip(author.sent_times, other.seen_times, strict=False):
                latencies[int((came - left) * 100_000)] += 1
        edits = sum(len(author.own) for author in self.authors)
        delivered = latencies.total()
        return {
            "seconds": seconds,
            "edits": edits,
            "edits_per_second": edits / seconds,
            "delivered": delivered,
            "lost": edits - delivered,
            "cpu_seconds": cpu,
            "cpu_us_per_edit": cpu * 1e6 / max(1, delivered),
            "p50_ms": percentile(latencies, 0.5, 0.01),
            "p99_ms": percentile(latencies, 0.99, 0.01),
            "max_ms": percentile(latencies, 1.0, 0.01),
        }
