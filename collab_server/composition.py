"""The composition root: everything that one server is made of, built from frozen settings, without a way in.

The only place that puts the parts together; `parts` alone names storage adapters. Owns the order of start and
stop; each part owns its own work. How connections come in is a front end's: `app` listens on a port, `asgi`
is called by somebody else's server.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Protocol

from collab_storage import Bases, Journal
from starlette.types import ASGIApp

from collab_server import parts
from collab_server.clock import SystemClock
from collab_server.config import Settings
from collab_server.gateway.auth import Authenticator
from collab_server.gateway.entrance import Entrance
from collab_server.http.health import NotReady
from collab_server.http.routes import create_http_app
from collab_server.observability.metrics import ClientClose, Metrics
from collab_server.process import resident_bytes
from collab_server.protocol.close_codes import CloseReason
from collab_server.runtime.base_cache import BaseCache
from collab_server.runtime.census import Census
from collab_server.runtime.compactor import Compactor
from collab_server.runtime.heartbeat import Heartbeat
from collab_server.runtime.loop_lag import LoopLag
from collab_server.runtime.persister import Persister
from collab_server.runtime.registry import Registry
from collab_server.runtime.report import report_rooms
from collab_server.runtime.scanner import Scanner, scan_in_worker
from collab_server.runtime.tasks import TaskOwner
from collab_server.runtime.workers import Workers
from collab_server.types import RoomOrder

#: Sessions told to go each second of a drain; their clients come back at once, without jitter.
_CLOSES_PER_SECOND = 200
#: The part of the time for a drain in which sessions are closed; the rest is for saving.
_CLOSING_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a front end has counted. `opened` and `refused` only grow."""

    websockets: int = 0
    http: int = 0
    opened: int = 0
    refused: int = 0


class FrontEnd(Protocol):
    """How connections come in."""

    @property
    def traffic(self) -> Traffic: ...

    @property
    def at_capacity(self) -> bool:
        """Whether the next WebSocket would be turned away."""

    def stop_accepting(self) -> None: ...


class Service:
    """One server without a way in. Use: `start`, `open_to`, `drain`, then `close`, which is always due.

    `journal` and `bases` are ports, so that tests can place faults; without them the settings decide.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        authenticator: Authenticator,
        journal: Journal | None = None,
        bases: Bases | None = None,
    ) -> None:
        self.settings = settings
        self.metrics = Metrics(edit_budget_seconds=settings.latency.edit_seconds)
        self.metrics.connections_closed.update(dict.fromkeys([*CloseReason, *ClientClose], 0))
        self.tasks = TaskOwner()
        self._clock = SystemClock()
        self._lock = parts.lock_of(settings.storage)
        self._journal = journal if journal is not None else parts.journal_of(settings.storage)
        self._bases = bases if bases is not None else parts.bases_of(settings.storage)
        self._front: FrontEnd | None = None
        self._draining = False
        self._locked = False
        self._persister = Persister(self._journal, settings.storage, self.metrics)
        self.workers = Workers(settings.workers, self.metrics, scratch=parts.scratch_of(settings.storage))
        self.registry = self._make_registry()
        self.entrance = self._make_entrance(authenticator)
        self._census = Census(
            self.registry, lambda: self.entrance.sessions, metrics=self.metrics, clock=self._clock
        )

    def _make_registry(self) -> Registry:
        cache = BaseCache(
            self._bases,
            budget_bytes=self.settings.storage.base_cache_bytes,
            metrics=self.metrics,
            tasks=self.tasks,
        )
        return Registry(
            self._journal,
            self._bases,
            self._persister,
            cache=cache,
            compactor=self._make_compactor(cache),
            policy=parts.room_policy(self.settings),
            metrics=self.metrics,
            tasks=self.tasks,
            clock=self._clock,
        )

    def _make_compactor(self, cache: BaseCache) -> Compactor:
        compact = parts.compact_of(self.settings.storage, self._journal, self._bases, self.workers)
        return Compactor(
            compact,
            repair=parts.repair_of(compact),
            bases=self._bases,
            cache=cache,
            journal=self._journal,
            policy=parts.compaction_policy(self.settings),
            metrics=self.metrics,
            tasks=self.tasks,
        )

    def _make_entrance(self, authenticator: Authenticator) -> Entrance:
        settings = self.settings
        scanner = Scanner(
            parts.scan_limits(settings),
            inline_bytes=settings.limits.scan_inline_bytes,
            worker=scan_in_worker(self.workers, parts.large_scan_limits(settings)),
            tasks=self.tasks,
        )
        return Entrance(
            registry=self.registry,
            persister=self._persister,
            authenticator=authenticator,
            listen=settings.listen,
            sessions=settings.sessions,
            scanner=scanner,
            metrics=self.metrics,
            tasks=self.tasks,
        )

    # --- start ---

    async def start(self) -> None:
        """Open the stores. Raises StorageError or OSError; `close` is due all the same."""
        if self._lock is not None:
            await asyncio.to_thread(self._lock.acquire)
            self._locked = True
        await self._journal.open()
        await self._bases.open()
        await self.workers.start()
        self.tasks.start(self._persister.run(), name="persister")
        heartbeat = Heartbeat(lambda: self.entrance.sessions, lambda: self.registry)
        self.tasks.start(heartbeat.run(), name="heartbeat")
        lag = LoopLag(self.metrics, probe_seconds=self.settings.latency.loop_probe_seconds)
        self.tasks.start(lag.run(), name="loop lag")

    def open_to(self, front: FrontEnd) -> None:
        """From now on people come in through `front`."""
        self._front = front

    def http_app(self, *, base_path: str) -> ASGIApp:
        """Page, health, metrics and what the rooms do. Reads the page from the disk."""
        return create_http_app(
            health=self,
            metrics=self.metrics,
            before_scrape=self._bring_up_to_date,
            rooms=self._report_rooms,
            base_path=base_path,
        )

    async def _report_rooms(self, by: RoomOrder, limit: int) -> dict[str, Any]:
        await self._bring_up_to_date()
        return await report_rooms(
            self._census,
            self.metrics,
            order=by,
            limit=limit,
            clock=self._clock,
            resident_bytes=resident_bytes(),
        )

    async def _bring_up_to_date(self) -> None:
        """Fill in the metrics that are somebody else's to count."""
        await self._census.fill_metrics()
        self.metrics.journal_bytes = await asyncio.to_thread(parts.journal_bytes, self.settings.storage)
        if self._front is None:
            return
        traffic = self._front.traffic
        self.metrics.connections_open = traffic.websockets
        self.metrics.http_connections_open = traffic.http
        self.metrics.connections_opened = traffic.opened
        self.metrics.connections_refused = traffic.refused

    def not_ready(self) -> Collection[NotReady]:
        """Implements `HealthPort`."""
        reasons = []
        if self._front is None:
            reasons.append(NotReady.STARTING)
        if self._draining:
            reasons.append(NotReady.DRAINING)
        if self._persister.failing:
            reasons.append(NotReady.JOURNAL_FAILING)
        if self._front is not None and self._front.at_capacity:
            reasons.append(NotReady.AT_CAPACITY)
        return reasons

    # --- the end ---

    async def drain(self, *, deadline_seconds: float) -> None:
        """Stop taking people, send them away in portions, save everything; within the deadline."""
        self._draining = self.entrance.draining = True
        if self._front is not None:
            self._front.stop_accepting()
        await self._send_away(deadline_seconds * _CLOSING_SHARE)
        self.registry.flush()
        try:
            async with asyncio.timeout(deadline_seconds * (1 - _CLOSING_SHARE)):
                await self._persister.saved()
        except TimeoutError:
            # What is left is in `unsaved`, and the caller says so.
            pass

    def unsaved(self) -> Sequence[str]:
        """Rooms with edits that are not durable, the most changed first."""
        return [str(key) for key in self.registry.unsaved()]

    async def _send_away(self, most_seconds: float) -> None:
        """Close all sessions, spread at random over a time that grows with their number."""
        sessions = list(self.entrance.sessions)
        seconds = min(most_seconds, len(sessions) / _CLOSES_PER_SECOND)
        for session in sessions:
            session.tell_drain(seconds)
        random.shuffle(sessions)
        loop = asyncio.get_running_loop()
        started = loop.time()
        for number, session in enumerate(sessions):
            await asyncio.sleep(started + seconds * number / len(sessions) - loop.time())
            session.send_away(CloseReason.GOING_AWAY)

    async def close(self) -> None:
        """Let go of everything. What is not saved by now is not saved."""
        # Whatever fails on the way, what comes after it is closed all the same; the last one in goes first.
        async with AsyncExitStack() as stack:
            if self._lock is not None and self._locked:
                stack.push_async_callback(asyncio.to_thread, self._lock.release)
            stack.push_async_callback(self._journal.close)
            stack.push_async_callback(self._bases.close)
            stack.push_async_callback(self.tasks.close)
            stack.push_async_callback(self.workers.close)
            stack.callback(self.registry.close)
