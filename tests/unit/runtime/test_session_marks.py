"""Room-channel messages and marks of a session: what is answered, and when."""

from __future__ import annotations

import asyncio

from collab_server.protocol import messages
from collab_server.protocol.messages import MessageKind
from tests.unit.runtime.worlds import World, channel


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


async def test_a_sync_status_is_small(world: World) -> None:
    """Story: a thousand of a megabyte each were kept until they could be echoed."""
    ann = await world.synced()
    ann.say(messages.encode_sync_status(b"x" * 65))
    assert ann.connection.closed is not None
    assert ann.connection.closed[0] == 4400


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
