"""A session between a fake connection and a real room: order, marks, refusals, slow readers, time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from collab_storage import UnavailableError
from collab_storage.memory import MemoryJournal
from pycrdt import Doc, Text

from collab_server.config import ListenSettings, SessionSettings, StorageSettings
from collab_server.gateway.auth import OpenAccess
from collab_server.gateway.entrance import Entrance
from collab_server.observability.metrics import Metrics
from collab_server.protocol import messages
from collab_server.protocol.awareness import AwarenessEntry, encode_entries
from collab_server.protocol.close_codes import CloseReason
from collab_server.protocol.messages import MessageKind
from collab_server.rooms.limits import Pace, RoomLimits
from collab_server.runtime.connection import Frame, UpgradeRequest
from collab_server.runtime.persister import Persister
from collab_server.runtime.registry import Registry, RoomPolicy
from collab_server.runtime.session import Session, SessionState
from collab_server.runtime.tasks import TaskOwner
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
        self.closed: tuple[int, str] | None = None
        self.aborted = False
        self.reading = True
        self.pings = 0
        self.buffered = 0
        self.failure = 0
        self.last_received = asyncio.get_running_loop().time()
        self.changed = asyncio.Event()

    def send(self, frame: Frame) -> None:
        self.writes += 1
        self.written.append(frame.payload)
        self.changed.set()

    def send_pair(self, first: Frame, second: Frame) -> None:
        self.writes += 1
        self.written += [first.payload, second.payload]
        self.changed.set()

    def ping(self) -> None:
        self.pings += 1

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


class World:
    def __init__(self) -> None:
        self.journal, self.tasks, self.metrics = GatedJournal(), TaskOwner(), Metrics()
        storage = StorageSettings(commit_interval_seconds=0.001, max_unsaved_bytes=1000)
        self.persister = Persister(self.journal, storage, self.metrics)
        self.registry = Registry(
            self.journal,
            self.persister,
            policy=RoomPolicy(RoomLimits(document_bytes=5000), Pace(awareness_min_seconds=0.005), 60.0),
            metrics=self.metrics,
            tasks=self.tasks,
            wall=lambda: 0.0,
        )
        self.entrance = Entrance(
            registry=self.registry,
            persister=self.persister,
            authenticator=OpenAccess(),
            listen=ListenSettings(),
            sessions=SessionSettings(refusal_delay_seconds=0.01),
            limits=ScanLimits(),
            metrics=self.metrics,
            tasks=self.tasks,
        )
        self.clients = 0

    def connect(self, path: bytes = b"/r") -> Client:
        self.clients += 1
        connection = FakeConnection()
        session = self.entrance.accept(connection, UpgradeRequest(path, remote=f"10.0.0.{self.clients}"))
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


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.journal.open()
    saving = world.tasks.start(world.persister.run(), name="persister")
    yield world
    world.journal.gate.set()
    world.persister.stop()
    await asyncio.wait_for(saving, 5)
    world.registry.close()
    await world.tasks.close()
    await world.journal.close()


# --- joining ---


async def test_our_step_1_goes_first_and_the_answer_is_shared(world: World) -> None:
    ann = await world.joined()
    assert ann.kinds() == [MessageKind.STEP_1]
    ann.synchronise()
    ann.write("hello")
    ben, cid = await world.joined(), await world.joined()
    for client in (ben, cid):
        client.synchronise()
        client.heard()
        assert str(client.text) == "hello"
    assert ben.connection.written[1] == cid.connection.written[1]


async def test_what_comes_before_the_room_is_open_waits_in_order(world: World) -> None:
    ann = world.connect()
    assert not ann.connection.reading
    ann.synchronise()
    ann.write("a")
    ann.write("b")
    await ann.until(lambda: ann.session.state is SessionState.OPEN)
    assert ann.connection.reading
    ben = await world.synced()
    assert str(ben.text) == "ab"


async def test_no_delta_reaches_a_session_before_its_step_2(world: World) -> None:
    ann, ben = await world.synced(), await world.joined()
    ann.write("hello")
    assert ben.kinds() == [MessageKind.STEP_1]
    ben.synchronise()
    assert MessageKind.STEP_2 in ben.kinds()
    assert str(ben.text) == "hello"


async def test_a_returning_client_is_sent_what_it_lacks(world: World) -> None:
    ann, ben = await world.synced(), await world.synced()
    ann.write("x" * 400)
    ben.heard()
    again = await world.joined()
    again.doc.apply_update(ben.doc.get_update())
    ann.write("y")
    again.say(messages.encode_step_1(again.doc.get_state()))
    (_, _), (kind, update) = again.heard()
    assert kind is MessageKind.STEP_2
    assert len(update) < 500
    assert str(again.text) == "x" * 400 + "y"


async def test_a_bad_name_is_refused_late(world: World) -> None:
    client = world.connect(b"/a//b")
    started = asyncio.get_running_loop().time()
    await client.until(lambda: client.connection.closed)
    assert asyncio.get_running_loop().time() - started >= 0.01
    assert client.connection.closed == (4403, "A segment of the room's name is empty, '.' or '..'.")
    assert client.connection.written[0].startswith(b"\x02\x00")


async def test_a_room_that_cannot_be_read_is_refused_with_a_code_that_retries(world: World) -> None:
    world.journal.unreadable = True
    client = world.connect()
    await client.until(lambda: client.connection.closed)
    assert client.connection.closed[0] == 1013


async def test_one_who_leaves_while_joining_leaves_nothing_behind(world: World) -> None:
    client = world.connect()
    client.session.disconnected(None)
    await asyncio.sleep(0.01)
    assert client.session.state is SessionState.CLOSED
    assert not world.entrance.sessions
    runner = await world.registry.open(next(iter(world.registry)).key)
    assert not runner.sessions


# --- editing ---


async def test_an_edit_reaches_everybody_but_its_author(world: World) -> None:
    ann, ben, cid = [await world.synced() for _ in range(3)]
    ann.write("hello")
    assert ann.kinds() == []
    assert ben.kinds() == cid.kinds() == [MessageKind.UPDATE]
    assert str(ben.text) == str(cid.text) == "hello"


async def test_edits_of_a_busy_window_travel_together(world: World) -> None:
    ann, ben = await world.synced(), await world.synced()
    for letter in "abcdef":
        ann.write(letter)
    await ben.until(lambda: len(ben.connection.written) >= 4)
    assert ben.kinds() == [MessageKind.UPDATE, MessageKind.UPDATE]
    assert str(ben.text) == "abcdef"


async def test_a_malformed_update_closes_its_sender_alone(world: World) -> None:
    ann, ben = await world.synced(), await world.synced()
    ann.say(messages.encode_update(b"\x01\x00\x01\x00\x00"))
    assert ann.connection.closed is not None
    assert ann.connection.closed[0] == 4400
    ben.write("go on")
    assert ben.connection.closed is None
    assert ben.session.state is SessionState.OPEN


@pytest.mark.parametrize("message", [b"", b"\x00", b"\x00\x07\x00", b"\x01\x01\x09", b"\x00\x00\x02\x05"])
async def test_what_is_no_message_closes_its_sender(world: World, message: bytes) -> None:
    ann = await world.synced()
    ann.say(message)
    assert ann.connection.closed is not None
    assert ann.connection.closed[0] == 4400


async def test_text_is_not_spoken(world: World) -> None:
    ann = await world.synced()
    ann.session.text_message()
    assert ann.connection.closed is not None
    assert ann.connection.closed[0] == 4400


async def test_types_of_other_servers_are_ignored(world: World) -> None:
    ann = await world.synced()
    ann.say(b"\x63\x00")
    assert ann.connection.closed is None


async def test_a_document_over_its_limit_is_refused_without_closing_and_said(world: World) -> None:
    ann, ben = await world.synced(), await world.synced()
    ann.say(channel(op="hello", v=1))
    ann.heard()
    ann.write("x" * 6000)
    ann.say(channel(op="mark", id=1))
    assert ann.envelopes() == [
        {"op": "rejected", "reason": "too_large", "count": 1},
        {"op": "nack", "code": "refused", "message": REFUSED, "mark": 1},
    ]
    assert ben.kinds() == []
    assert ann.connection.closed is None


REFUSED = "An edit of this session was refused, so not everything it sent is saved."


# --- presence ---


async def test_presence_is_merged_rides_with_deltas_and_ends_with_the_session(world: World) -> None:
    ann, ben = await world.synced(), await world.synced()
    ann.say(messages.encode_awareness(encode_entries([AwarenessEntry(1, 1, b"{}")])))
    await ben.until(lambda: len(ben.connection.written) > 2)
    assert ben.kinds() == [MessageKind.AWARENESS]
    late = await world.joined()
    late.say(messages.encode_step_1(b"\x00"))
    assert late.kinds() == [MessageKind.STEP_1, MessageKind.STEP_2, MessageKind.AWARENESS]
    ann.session.disconnected(1001)
    (message,) = ben.heard()
    assert message == (MessageKind.AWARENESS, encode_entries([AwarenessEntry(1, 1, b"null")]))


async def test_a_query_is_answered_even_if_nobody_is_here(world: World) -> None:
    ann = await world.synced()
    ann.say(b"\x03")
    assert ann.heard() == [(MessageKind.AWARENESS, b"\x00")]


async def test_an_echo_is_dropped_and_counted(world: World) -> None:
    ann, ben = await world.synced(), await world.synced()
    ann.say(messages.encode_awareness(encode_entries([AwarenessEntry(1, 1, b"{}")])))
    await ben.until(lambda: len(ben.connection.written) > 2)
    ben.say(messages.encode_awareness(encode_entries([AwarenessEntry(2, 1, b"{}")])))
    ben.say(ben.connection.written[2])
    assert world.metrics.awareness_echoes_dropped == 1


# --- marks ---


async def test_saved_is_said_only_after_the_commit(world: World) -> None:
    world.journal.gate.clear()
    ann = await world.synced()
    ann.say(channel(op="hello", v=1))
    assert ann.envelopes()[0]["op"] == "welcome"
    ann.write("x")
    ann.say(channel(op="mark", id=7))
    ann.say(messages.encode_sync_status(b"abc"))
    await asyncio.sleep(0.02)
    assert ann.heard() == []
    world.journal.gate.set()
    await ann.until(lambda: ann.connection.written[-1] == messages.encode_sync_status(b"abc"))
    assert ann.envelopes() == [{"op": "saved", "mark": 7, "level": "journaled"}]


async def test_a_mark_waits_for_the_answer_to_our_step_1(world: World) -> None:
    ann = await world.joined()
    ann.say(channel(op="hello", v=1))
    ann.say(channel(op="mark", id=1))
    assert [envelope["op"] for envelope in ann.envelopes()] == ["welcome"]
    ann.synchronise()
    assert ann.envelopes() == [{"op": "saved", "mark": 1, "level": "journaled"}]


async def test_a_mark_waits_for_what_is_held(world: World) -> None:
    ann, ben = await world.synced(), await world.synced()
    ann.say(channel(op="hello"))
    ann.heard()
    ann.text += "a"
    first = ann.doc.get_update()
    ann.write("b")
    assert ann.kinds() == [MessageKind.STEP_1]
    ann.say(channel(op="mark", id=1))
    await world.persister.saved()
    assert ann.envelopes() == []
    ann.say(messages.encode_step_2(first))
    await ann.until(lambda: ann.connection.written[-1].startswith(b"\x64"))
    assert ann.envelopes() == [{"op": "saved", "mark": 1, "level": "journaled"}]
    ben.heard()
    assert str(ben.text) == "ab"


async def test_too_many_marks_close_the_session(world: World) -> None:
    world.journal.gate.clear()
    ann = await world.synced()
    ann.say(channel(op="hello"))
    ann.write("x")
    for mark in range(1001):
        ann.say(channel(op="mark", id=mark))
    assert ann.connection.closed is not None
    assert ann.connection.closed[0] == 4529


async def test_bad_envelopes_are_answered_and_nothing_else_happens(world: World) -> None:
    ann = await world.synced()
    ann.say(channel(op="dance"))
    assert ann.heard() == [], "one who never said hello never sees an envelope"
    ann.say(channel(op="hello"))
    ann.heard()
    for envelope in (b"nonsense", b'{"op":"dance"}'):
        ann.say(messages.encode_room_channel(envelope))
    assert [answer["code"] for answer in ann.envelopes()] == ["bad_json", "unknown_op"]
    ann.say(channel(op="hello", channels={"chat": {}}))
    assert [answer["op"] for answer in ann.envelopes()] == ["welcome", "nack"]


async def test_a_made_up_user_may_come_back_as_who_it_was(world: World) -> None:
    ann = await world.synced()
    ann.say(channel(op="hello"))
    given = ann.envelopes()[0]["user"]["id"]
    ben = await world.synced()
    ben.say(channel(op="hello", user=given))
    assert ben.envelopes()[0]["user"]["id"] == given
    ben.say(channel(op="hello", user="admin"))
    assert ben.envelopes()[0]["user"]["id"] == given


# --- slow readers, overload, time ---


async def test_a_slow_reader_is_not_written_to_and_catches_up_with_one_delta(world: World) -> None:
    ann, ben = await world.synced(), await world.synced()
    ann.write("a")
    ben.session.writing_paused()
    for letter in "bcd":
        ann.write(letter)
    await asyncio.sleep(0.02)
    assert ben.kinds() == [MessageKind.UPDATE]
    assert str(ben.text) == "a"
    ben.session.writing_resumed()
    assert ben.kinds() == [MessageKind.UPDATE]
    assert str(ben.text) == "abcd"
    ann.write("e")
    await ben.until(lambda: ben.kinds() == [MessageKind.UPDATE])
    assert str(ben.text) == "abcde"


async def test_a_reader_that_never_drains_is_closed(world: World) -> None:
    ben = await world.synced()
    ben.session.writing_paused()
    now = asyncio.get_running_loop().time()
    ben.session.tick(now + 9)
    assert ben.connection.closed is None
    ben.session.tick(now + 11)
    assert ben.connection.closed is not None
    assert ben.connection.closed[0] == 4530
    assert ben.connection.aborted


async def test_past_the_bound_of_unsaved_edits_more_are_not_risked(world: World) -> None:
    world.journal.gate.clear()
    ann, ben = await world.synced(), await world.synced()
    ann.write("x" * 1000)
    ben.write("y")
    assert ben.connection.closed is not None
    assert ben.connection.closed[0] == 1013
    late = world.connect()
    await late.until(lambda: late.connection.closed)
    assert late.connection.closed[0] == 1013


async def test_a_silent_session_gets_the_keep_alive(world: World) -> None:
    ann = await world.synced()
    now = asyncio.get_running_loop().time()
    ann.connection.last_received = now + 100
    ann.session.tick(now + 14)
    assert ann.heard() == []
    ann.session.tick(now + 15.5)
    assert ann.heard() == [(MessageKind.AWARENESS, b"\x00")]


async def test_who_does_not_answer_a_ping_is_given_up(world: World) -> None:
    ann = await world.synced()
    now = asyncio.get_running_loop().time()
    ann.session.tick(now + 21)
    ann.session.tick(now + 22)
    assert ann.connection.pings == 1
    ann.connection.last_received = now + 22
    ann.session.tick(now + 23)
    ann.session.tick(now + 43)
    assert ann.connection.pings == 2
    ann.session.tick(now + 64)
    assert ann.connection.aborted


async def test_a_slow_reader_that_still_takes_bytes_lives(world: World) -> None:
    ann = await world.synced()
    now = asyncio.get_running_loop().time()
    for second in range(21, 100, 10):
        ann.connection.buffered = 1000 - second
        ann.session.tick(now + second)
    assert not ann.connection.aborted


async def test_a_frame_that_broke_the_protocol_is_the_reason_of_the_end(world: World) -> None:
    ann = await world.synced()
    ann.connection.failure = 1009
    ann.session.disconnected(None)
    assert ann.session.reason is CloseReason.FRAME_TOO_BIG


async def test_an_abort_while_others_are_written_to_disturbs_nobody(world: World) -> None:
    """A write can find a socket broken and end its session in the middle of a broadcast."""
    ann, ben, cid = [await world.synced() for _ in range(3)]
    ben.connection.send = lambda frame: ben.session.disconnected(None)  # type: ignore[method-assign]
    ann.write("x")
    cid.heard()
    assert str(cid.text) == "x"
    assert ben.session.state is SessionState.CLOSED


async def test_the_next_join_after_misbehaviour_waits(world: World) -> None:
    ann = await world.synced()
    ann.say(b"")
    ann.session.disconnected(4400)
    world.clients = 0
    started = asyncio.get_running_loop().time()
    await world.joined()
    assert asyncio.get_running_loop().time() - started >= 0.009
