"""The composition root: everything that one server process is made of, built from frozen settings.

The only place that names storage adapters. Owns the order of start and stop; each part owns its own work.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from collab_storage import Journal
from collab_storage.lock import DirectoryLock
from collab_storage.memory import MemoryJournal
from collab_storage.sqlite import SqliteJournal

from collab_server.clock import SystemClock
from collab_server.config import Settings, StorageSettings
from collab_server.gateway.auth import OpenAccess
from collab_server.gateway.bind import check_bind
from collab_server.gateway.entrance import Entrance
from collab_server.gateway.listener import Listener, start_listener
from collab_server.gateway.settings import GatewaySettings
from collab_server.gateway.sockets import resolve
from collab_server.http.health import NotReady
from collab_server.http.routes import create_http_app
from collab_server.observability.metrics import ClientClose, Metrics
from collab_server.protocol.close_codes import CloseReason
from collab_server.rooms.limits import Pace, RoomLimits
from collab_server.runtime.heartbeat import Heartbeat
from collab_server.runtime.persister import Persister
from collab_server.runtime.registry import Registry, RoomPolicy
from collab_server.runtime.scratch import user_scratch
from collab_server.runtime.tasks import TaskOwner
from collab_server.runtime.workers import Workers
from collab_server.updates import ScanLimits

#: Below the data directory: what is too large for a pipe to a worker.
_SCRATCH = "scratch"
#: Sessions told to go each second of a drain; their clients come back at once, without jitter.
_CLOSES_PER_SECOND = 200
#: The part of the time for a drain in which sessions are closed; the rest is for saving.
_CLOSING_SHARE = 0.4


@asynccontextmanager
async def build_app(
    settings: Settings, *, max_connections: int | None = None, journal: Journal | None = None
) -> AsyncIterator[Application]:
    """The application, not started; whatever it opened is closed at the end."""
    app = Application(settings, journal=journal, max_connections=max_connections)
    try:
        yield app
    finally:
        await app.close()


class Application:
    """One server process without its signals. Use: `start`, then `drain`, then `close`, which is always due.

    `journal` is a port, so that tests can place faults; without one the settings decide.
    """

    def __init__(
        self, settings: Settings, *, journal: Journal | None = None, max_connections: int | None = None
    ) -> None:
        self.settings = settings
        self.metrics = Metrics(edit_budget_seconds=settings.latency.edit_seconds)
        self.metrics.connections_closed.update(dict.fromkeys([*CloseReason, *ClientClose], 0))
        self._max_connections = max_connections
        self._lock = _lock_of(settings.storage)
        self._journal = journal if journal is not None else _journal_of(settings.storage)
        self._tasks = TaskOwner()
        self._listener: Listener | None = None
        self._draining = False
        self._locked = False
        self._clock = SystemClock()
        self._persister = Persister(self._journal, settings.storage, self.metrics)
        self.workers = Workers(settings.workers, self.metrics, scratch=_scratch_of(settings.storage))
        self.registry = Registry(
            self._journal,
            self._persister,
            policy=_room_policy(settings),
            metrics=self.metrics,
            tasks=self._tasks,
            clock=self._clock,
        )
        self.entrance = Entrance(
            registry=self.registry,
            persister=self._persister,
            authenticator=OpenAccess(),
            listen=settings.listen,
            sessions=settings.sessions,
            limits=_scan_limits(settings),
            metrics=self.metrics,
            tasks=self._tasks,
        )

    # --- start ---

    async def start(self) -> None:
        """Open the journal and the port. Raises StorageError or ConfigError; `close` is due all the same."""
        listen = self.settings.listen
        resolved = await resolve(listen.host, listen.port)
        check_bind(listen.host, resolved.numeric, allow_anonymous=listen.allow_anonymous)
        if self._lock is not None:
            await asyncio.to_thread(self._lock.acquire)
            self._locked = True
        await self._journal.open()
        await self.workers.start()
        self._tasks.start(self._persister.run(), name="persister")
        heartbeat = Heartbeat(lambda: self.entrance.sessions, lambda: self.registry, self.metrics)
        self._tasks.start(heartbeat.run(), name="heartbeat")
        self._listener = await start_listener(
            host=listen.host,
            port=listen.port,
            acceptor=self.entrance.accept,
            asgi_app=create_http_app(
                health=self,
                metrics=self.metrics,
                before_scrape=self._bring_up_to_date,
                base_path=listen.base_path,
            ),
            settings=_gateway_settings(self.settings, self._max_connections),
        )

    @property
    def port(self) -> int:
        """The port that was bound."""
        assert self._listener is not None
        return self._listener.port

    async def _bring_up_to_date(self) -> None:
        """Fill in the metrics that are somebody else's to count."""
        self.metrics.journal_bytes = await asyncio.to_thread(_journal_bytes, self.settings.storage)
        if self._listener is None:
            return
        counts = self._listener.counts
        self.metrics.connections_open = self._listener.websockets
        self.metrics.http_connections_open = counts.open - self._listener.websockets
        self.metrics.connections_opened = counts.websockets
        self.metrics.connections_refused = sum(counts.refused.values()) + counts.over_cap + counts.timed_out

    def not_ready(self) -> Collection[NotReady]:
        """Implements `HealthPort`."""
        reasons = []
        if self._listener is None:
            reasons.append(NotReady.STARTING)
        if self._draining:
            reasons.append(NotReady.DRAINING)
        if self._persister.failing:
            reasons.append(NotReady.JOURNAL_FAILING)
        if self._at_capacity():
            reasons.append(NotReady.AT_CAPACITY)
        return reasons

    def _at_capacity(self) -> bool:
        cap = self._max_connections
        return cap is not None and self._listener is not None and self._listener.connections >= cap

    # --- the end ---

    async def drain(self, *, deadline_seconds: float) -> None:
        """Stop taking people, send them away in portions, save everything; within the deadline."""
        self._draining = self.entrance.draining = True
        if self._listener is not None:
            self._listener.stop_accepting()
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
            stack.push_async_callback(self._tasks.close)
            stack.push_async_callback(self.workers.close)
            stack.callback(self.registry.close)
            if self._listener is not None:
                stack.push_async_callback(self._listener.close)


def _lock_of(storage: StorageSettings) -> DirectoryLock | None:
    return None if storage.memory_only else DirectoryLock(storage.directory)


def _journal_of(storage: StorageSettings) -> Journal:
    if storage.memory_only:
        return MemoryJournal()
    return SqliteJournal(storage.journal_file, synchronous=storage.synchronous.value)


def _scratch_of(storage: StorageSettings) -> Path:
    return user_scratch() if storage.memory_only else storage.directory / _SCRATCH


def _journal_bytes(storage: StorageSettings) -> int:
    if storage.memory_only:
        return 0
    return sum(path.stat().st_size for path in storage.directory.glob(f"{storage.journal_file.name}*"))


def _room_policy(settings: Settings) -> RoomPolicy:
    rooms = settings.rooms
    limits = RoomLimits(
        document_bytes=rooms.max_document_bytes,
        held_bytes=rooms.max_held_bytes,
        held_seconds=rooms.held_seconds,
        document_clients=rooms.max_document_clients,
        awareness_state_bytes=rooms.max_awareness_entry_bytes,
        awareness_clients_per_member=rooms.max_awareness_clients_per_session,
        awareness_tombstone_seconds=rooms.awareness_tombstone_seconds,
        awareness_expiry_seconds=rooms.awareness_entry_max_age_seconds,
    )
    pace = Pace(
        window_max_seconds=rooms.flush_window_max_seconds,
        window_seconds_per_listener=rooms.flush_window_per_session_seconds,
        awareness_min_seconds=rooms.awareness_interval_min_seconds,
        awareness_max_seconds=rooms.awareness_interval_max_seconds,
        awareness_seconds_per_listener=rooms.awareness_interval_per_session_seconds,
    )
    return RoomPolicy(limits, pace, rooms.linger_seconds)


def _scan_limits(settings: Settings) -> ScanLimits:
    limits = settings.limits
    return ScanLimits(
        max_blocks=limits.max_update_blocks,
        max_clients=limits.max_update_clients,
        max_delete_ranges=limits.max_update_delete_ranges,
        max_depth=limits.max_update_depth,
    )


def _gateway_settings(settings: Settings, max_connections: int | None) -> GatewaySettings:
    listen, sessions = settings.listen, settings.sessions
    return GatewaySettings(
        head_timeout_seconds=listen.handshake_seconds,
        head_max_bytes=listen.max_head_bytes,
        head_max_headers=listen.max_headers,
        message_max_bytes=sessions.max_frame_bytes,
        message_max_fragments=sessions.max_fragments,
        close_timeout_seconds=sessions.close_seconds,
        write_high_bytes=sessions.send_buffer_bytes,
        write_low_bytes=sessions.send_buffer_bytes // 4,
        max_connections=max_connections,
    )
