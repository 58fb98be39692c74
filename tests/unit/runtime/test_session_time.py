"""Sessions that are slow, silent, cut off or too many for the disk."""

from __future__ import annotations

import asyncio

from collab_storage import Record, RecordKind

from collab_server.protocol import messages
from collab_server.protocol.close_codes import CloseReason
from collab_server.protocol.messages import MessageKind
from collab_server.runtime.connection import Frame
from collab_server.runtime.session import Session, SessionState
from collab_server.types import StateVector
from tests.unit.runtime.worlds import World


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


async def test_a_slow_reader_is_not_read_until_it_has_drained(world: World) -> None:
    """Story: one that asked and asked without reading made the server write step 2 after step 2 to nobody."""
    ann, ben = await world.synced(), await world.synced()
    ben.session.writing_paused()
    assert not ben.connection.reading
    ann.write("missed")
    send = ben.connection.send

    def fill(frame: Frame) -> None:
        send(frame)
        ben.session.writing_paused()

    ben.connection.send = fill  # type: ignore[method-assign]
    ben.session.writing_resumed()
    assert not ben.connection.reading, "catching up filled the buffer again"
    ben.connection.send = send  # type: ignore[method-assign]
    ben.session.writing_resumed()
    assert ben.connection.reading


async def test_a_step_2_that_fills_the_buffer_leaves_the_session_behind(world: World) -> None:
    ann, ben = await world.synced(), await world.joined()
    ann.write("a")
    send = ben.connection.send

    def fill(frame: Frame) -> None:
        send(frame)
        ben.connection.send = send  # type: ignore[method-assign]
        ben.session.writing_paused()

    ben.connection.send = fill  # type: ignore[method-assign]
    ben.synchronise()
    ann.write("b")
    await asyncio.sleep(0.02)
    ben.heard()
    assert str(ben.text) == "a"
    ben.session.writing_resumed()
    ben.heard()
    assert str(ben.text) == "ab"


async def test_one_who_asks_and_asks_gets_a_share_of_the_time(world: World) -> None:
    """Story: 800 step 1s in one read kept the server from everybody else for minutes."""
    ann = await world.synced()
    ann.write("a" * 1000)
    asked = 0
    readers = ann.session.room.readers
    synchronise = readers.synchronise

    def slow(session: Session, state_vector: StateVector) -> None:
        nonlocal asked
        asked += 1
        synchronise(session, state_vector)
        session.answered(0.005)

    readers.synchronise = slow  # type: ignore[method-assign]
    ann.session.answered(-1.0)  # the step 2 of its joining is paid for
    for _ in range(800):
        ann.say(messages.encode_step_1(b"\x00"))
    assert asked == 1
    await ann.until(lambda: asked == 2)
    ann.heard()
    assert str(ann.text) == "a" * 1000


async def test_a_question_that_waits_is_not_answered_into_a_full_buffer(world: World) -> None:
    ben = await world.synced()
    ben.session._may_answer_at = asyncio.get_running_loop().time() + 0.005
    ben.say(messages.encode_step_1(b"\x00"))
    ben.session.writing_paused()
    await asyncio.sleep(0.02)
    assert ben.heard() == []
    ben.session.writing_resumed()
    assert MessageKind.STEP_2 in ben.kinds()


async def test_a_room_whose_edits_can_never_be_saved_is_read_anew(world: World) -> None:
    ann, ben = await world.synced(), await world.synced()
    ann.write("a")
    await world.persister.saved()
    elsewhere = await world.synced(b"/elsewhere")
    taken = Record("default", "r", "doc", 2, RecordKind.DELTA, b"\x00\x00", b"[]", 0.0)
    await world.journal.append([taken])
    ann.write("b")
    elsewhere.write("x")
    for client in (ann, ben):
        await client.until(lambda client=client: client.connection.closed)
        assert client.connection.closed is not None
        assert client.connection.closed[0] == 1013
    assert elsewhere.connection.closed is None
    again = await world.joined()
    again.doc.apply_update(ann.doc.get_update())
    again.synchronise()
    late = await world.synced()
    assert str(late.text) == "ab", "its replicas bring back what was not saved"
    await world.persister.saved()


async def test_a_reader_that_takes_something_is_not_taken_for_stalled(world: World) -> None:
    ben = await world.synced()
    ben.session.writing_paused()
    now = asyncio.get_running_loop().time()
    for second in range(5, 60, 5):
        ben.connection.buffered = 100_000 - second
        ben.session.tick(now + second)
    assert ben.connection.closed is None


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


async def test_one_who_types_alone_hears_the_keep_alive(world: World) -> None:
    """Story: an edit that went to nobody counted as written to its author, whose client then reconnected."""
    ann = await world.synced()
    now = asyncio.get_running_loop().time()
    ann.session.last_sent = now - 14
    sent = world.metrics.frames_sent
    ann.write("x")
    assert world.metrics.frames_sent == sent
    ann.connection.last_received = now + 100
    ann.session.tick(now + 1.5)
    assert ann.heard() == [(MessageKind.AWARENESS, b"\x00")]


async def test_an_answer_counts_even_if_silence_is_allowed_for_less_than_a_tick(world: World) -> None:
    """Story: with `ping_seconds` under a second, clients that answered each ping were dropped."""
    ann = await world.synced()
    now = asyncio.get_running_loop().time()
    for second in range(21, 200, 21):
        ann.session.tick(now + second)
        ann.connection.last_received = now + second + 0.01
    assert not ann.connection.aborted


async def test_where_pongs_are_not_seen_a_question_stands_for_a_ping(world: World) -> None:
    """Any Yjs client answers a step 1, so that one that only reads is not taken for dead."""
    ann = await world.synced()
    ann.connection.sees_pongs = False
    now = asyncio.get_running_loop().time()
    ann.session.tick(now + 21)
    assert MessageKind.STEP_1 in ann.kinds()
    ann.session.tick(now + 42)
    assert ann.connection.aborted


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


async def test_each_answered_ping_counts_however_seldom_it_is_looked_at(world: World) -> None:
    """Story: with pings as frequent as the looks, no look ever found the silence shorter than a ping's, so
    clients that had answered every ping were dropped."""
    ann = await world.synced()
    now = asyncio.get_running_loop().time()
    for look in range(1, 10):
        ann.session.tick(now + 21 * look)
        assert ann.connection.pings == look
        ann.connection.last_received = now + 21 * look
    assert not ann.connection.aborted


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
