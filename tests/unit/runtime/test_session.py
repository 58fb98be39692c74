"""A session between a fake connection and a real room: joining, editing, presence."""

from __future__ import annotations

import asyncio

import pytest

from collab_server.protocol import messages
from collab_server.protocol.awareness import AwarenessEntry, encode_entries
from collab_server.protocol.messages import MessageKind
from collab_server.runtime.session import SessionState
from tests.unit.runtime.worlds import World, channel

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


async def test_one_who_joins_an_open_room_is_in_it_at_once(world: World) -> None:
    await world.synced()
    ben = world.connect()
    assert ben.session.state is SessionState.OPEN
    assert ben.connection.reading
    assert ben.kinds() == [MessageKind.STEP_1]
    world.entrance.draining = True
    cid = world.connect()
    await cid.until(lambda: cid.connection.closed)
    assert cid.connection.closed[0] == 1013
