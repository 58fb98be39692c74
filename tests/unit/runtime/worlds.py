"""A session's world in memory: fake connections, a real room, a journal with a gate."""

from __future__ import annotations

import asyncio
import json

from collab_storage import StreamKey, UnavailableError
from collab_storage.memory import MemoryJournal
from collab_storage.memory_bases import MemoryBases
from pycrdt import Doc, Text

from collab_server.clock import SystemClock
from collab_server.config import ListenSettings, SessionSettings, StorageSettings
from collab_server.engine.scanning import scan_update
from collab_server.gateway.auth import OpenAccess
from collab_server.gateway.entrance import Entrance
from collab_server.observability.metrics import Metrics
from collab_server.protocol import messages
from collab_server.protocol.messages import MessageKind
from collab_server.rooms.limits import Pace, RoomLimits
from collab_server.runtime.base_cache import BaseCache
from collab_server.runtime.compactor import CompactionPolicy, Compactor
from collab_server.runtime.connection import Frame, LargeMessage, UpgradeRequest
from collab_server.runtime.in_process import compact_in_process
from collab_server.runtime.persister import Persister
from collab_server.runtime.registry import Registry, RoomPolicy
from collab_server.runtime.scanner import Scanner
from collab_server.runtime.session import Session, SessionState
from collab_server.runtime.tasks import TaskOwner
from collab_server.runtime.worker_lane import JobResult
from collab_server.types import RoomKey
from collab_server.updates import ScanLimits


class GatedJournal(MemoryJournal):
    """Commits when its gate is open; refuses to read when told."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.unreadable = False

    async def append(self, records) -> None:
        await self.gate.wait()
        await super().append(records)

    async def head(self, key):
        if self.unreadable:
            raise UnavailableError("the disk is away")
        return await super().head(key)


class FakeConnection:
    """Collects what is written; the loop's time of the last bytes is the test's to set."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.writes = 0
        self.large = 0
        self.handler: Session | None = None
        self.closed: tuple[int, str] | None = None
        self.aborted = False
        self.reading = True
        self.pings = 0
        self.sees_pongs = True
        self.buffered = 0
        self.failure = 0
        self.last_received = asyncio.get_running_loop().time()
        self.changed = asyncio.Event()

    def send(self, frame: Frame) -> None:
        self.writes += 1
        self.written.append(frame.payload)
        self.changed.set()

    def send_large(self, message: LargeMessage) -> None:
        """All of it is taken at once, but in a later turn of the loop, as a socket does."""
        self.writes += 1
        self.written.append(b"".join(message.pieces))
        self.large += 1
        self.changed.set()
        assert self.handler is not None
        self.handler.writing_paused()
        asyncio.get_running_loop().call_soon(self.handler.writing_resumed)

    def send_pair(self, first: Frame, second: Frame) -> None:
        self.writes += 1
        self.written += [first.payload, second.payload]
        self.changed.set()

    def ping(self) -> bool:
        self.pings += self.sees_pongs
        return self.sees_pongs

    def close(self, code: int, reason: str = "") -> None:
        self.closed = self.closed or (code, reason)
        self.changed.set()

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Client:
    """A participant: a document, a session, and what the session was sent."""

    def __init__(self, session: Session, connection: FakeConnection, client: int) -> None:
        self.session, self.connection = session, connection
        self.doc: Doc = Doc(client_id=client)
        self.text = self.doc.get("t", type=Text)
        self._read = 0

    def say(self, message: bytes) -> None:
        self.session.message(message)

    def write(self, text: str) -> None:
        before = self.doc.get_state()
        self.text += text
        self.say_changes(before)

    def say_changes(self, before: bytes) -> None:
        """Send what was changed since the document had this state vector, and all deletions."""
        self.say(messages.encode_update(self.doc.get_update(before)))

    def synchronise(self) -> None:
        """What a provider does when it opens: step 1, and the answer to ours."""
        self.say(messages.encode_step_1(self.doc.get_state()))
        self.say(messages.encode_step_2(self.doc.get_update()))

    def heard(self) -> list[tuple[MessageKind, bytes]]:
        """Messages since the last call; updates among them are applied."""
        new = [messages.decode(message) for message in self.connection.written[self._read :]]
        self._read = len(self.connection.written)
        for kind, body in new:
            if kind in (MessageKind.STEP_2, MessageKind.UPDATE):
                self.doc.apply_update(body)
        return new

    def kinds(self) -> list[MessageKind]:
        return [kind for kind, _ in self.heard()]

    def envelopes(self) -> list[dict]:
        return [json.loads(body) for kind, body in self.heard() if kind is MessageKind.ROOM_CHANNEL]

    async def until(self, condition) -> None:
        async with asyncio.timeout(5):
            while not condition():
                self.connection.changed.clear()
                await self.connection.changed.wait()


def channel(**envelope) -> bytes:
    return messages.encode_room_channel(json.dumps(envelope).encode())


class Compacting:
    """What a worker does, here and now; fails, waits or lies when told."""

    def __init__(self, journal: MemoryJournal, bases: MemoryBases) -> None:
        self._journal, self._bases = journal, bases
        self.calls = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: Exception | None = None
        self.leave_out = 0

    async def __call__(self, key: RoomKey, upto: int, size_bytes: int) -> None:
        self.calls += 1
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        journal = Short(self._journal, self.leave_out) if self.leave_out else self._journal
        await compact_in_process(journal, self._bases, self._bases.put, stream="doc")(key, upto, size_bytes)


class Short:
    """A journal whose pages lack their last records."""

    def __init__(self, journal: MemoryJournal, leave_out: int) -> None:
        self._journal, self._leave_out = journal, leave_out

    async def read(self, key: StreamKey, after: int = -1):
        page = await self._journal.read(key, after=after)
        return page[: -self._leave_out]


class Scanning:
    """A worker that scans here and now; fails or waits when told."""

    def __init__(self) -> None:
        self.calls = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: Exception | None = None

    async def __call__(self, update: bytes) -> JobResult:
        self.calls += 1
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return JobResult(*scan_update({}, update))


class World:
    def __init__(
        self,
        *,
        compact_at: int = 1 << 30,
        limits: RoomLimits | None = None,
        inline_bytes: int = 10_000,
        max_unsaved_bytes: int = 1000,
    ) -> None:
        self.journal, self.tasks, self.metrics = GatedJournal(), TaskOwner(), Metrics()
        self.bases = MemoryBases()
        self.scan_worker = Scanning()
        self.compact = Compacting(self.journal, self.bases)
        cache = BaseCache(self.bases, budget_bytes=10_000, metrics=self.metrics, tasks=self.tasks)
        storage = StorageSettings(commit_interval_seconds=0.001, max_unsaved_bytes=max_unsaved_bytes)
        self.persister = Persister(self.journal, storage, self.metrics)
        self.registry = Registry(
            self.journal,
            self.bases,
            self.persister,
            cache=cache,
            compactor=Compactor(
                self.compact,
                bases=self.bases,
                cache=cache,
                journal=self.journal,
                policy=CompactionPolicy(tail_bytes=compact_at),
                metrics=self.metrics,
                tasks=self.tasks,
            ),
            policy=RoomPolicy(
                limits or RoomLimits(document_bytes=5000), Pace(awareness_min_seconds=0.005), 60.0
            ),
            metrics=self.metrics,
            tasks=self.tasks,
            clock=SystemClock(),
        )
        self.entrance = Entrance(
            registry=self.registry,
            persister=self.persister,
            authenticator=OpenAccess(),
            listen=ListenSettings(),
            sessions=SessionSettings(refusal_delay_seconds=0.01),
            scanner=Scanner(
                ScanLimits(), inline_bytes=inline_bytes, worker=self.scan_worker, tasks=self.tasks
            ),
            metrics=self.metrics,
            tasks=self.tasks,
        )
        self.clients = 0

    def connect(self, path: bytes = b"/r") -> Client:
        self.clients += 1
        connection = FakeConnection()
        session = self.entrance.accept(connection, UpgradeRequest(path, remote=f"10.0.0.{self.clients}"))
        connection.handler = session
        return Client(session, connection, self.clients)

    async def joined(self, path: bytes = b"/r") -> Client:
        client = self.connect(path)
        await client.until(lambda: client.session.state is SessionState.OPEN)
        return client

    async def synced(self, path: bytes = b"/r") -> Client:
        client = await self.joined(path)
        client.synchronise()
        client.heard()
        return client
