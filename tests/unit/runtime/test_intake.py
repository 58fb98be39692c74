"""Large updates are scanned elsewhere: their session waits, in order, and nobody else does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from collab_server.errors import FailureKind, JobFailed, WorkersBusy
from collab_server.protocol import messages
from tests.support.update_bytes import one, string
from tests.unit.runtime.worlds import Client, World, channel

LARGE = "x" * 3000


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World(inline_bytes=2000, max_unsaved_bytes=1_000_000)
    await world.journal.open()
    world.tasks.start(world.persister.run(), name="persister")
    yield world
    world.scan_worker.gate.set()
    await world.tasks.close()
    world.registry.close()


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - it changes in many places
            await asyncio.sleep(0.001)


def text_of(client: Client) -> str:
    client.heard()
    return str(client.text)


async def test_small_updates_are_scanned_here(world: World) -> None:
    ann = await world.synced()
    ann.write("small")
    assert world.scan_worker.calls == 0


async def test_what_follows_a_large_update_waits_behind_it(world: World) -> None:
    ann, ben = await world.synced(), await world.synced()
    world.scan_worker.gate.clear()
    ann.write(LARGE)
    ann.write("after")
    assert not ann.connection.reading
    ben.write("meanwhile")
    joiner = await world.synced()
    assert text_of(joiner) == "meanwhile"
    world.scan_worker.gate.set()
    await until(lambda: ann.connection.reading)
    everything = sorted(LARGE + "after" + "meanwhile")
    await until(lambda: sorted(text_of(ben)) == everything)
    await until(lambda: text_of(joiner) == text_of(ben))


async def test_marks_wait_for_it_too(world: World) -> None:
    ann = await world.synced()
    ann.say(channel(op="hello", v=1))
    world.scan_worker.gate.clear()
    ann.write(LARGE)
    ann.say(channel(op="mark", id=1))
    await world.persister.saved()
    assert not [envelope for envelope in ann.envelopes() if envelope["op"] == "saved"]
    world.scan_worker.gate.set()
    await until(lambda: any(envelope["op"] == "saved" for envelope in ann.envelopes()))


async def test_a_large_step_2_is_an_answer_once_it_is_taken(world: World) -> None:
    ann = await world.joined()
    ann.text += LARGE
    ann.say(messages.encode_step_1(b"\x00"))
    ann.say(messages.encode_step_2(ann.doc.get_update()))
    assert not ann.session.member.complete
    await until(lambda: ann.session.member.complete)
    joiner = await world.synced()
    assert text_of(joiner) == LARGE


async def test_a_bad_one_ends_its_session_alone(world: World) -> None:
    ann, ben = await world.synced(), await world.synced()
    ann.say(messages.encode_update(one(string(LARGE)) + b"\x00"))
    await until(lambda: ann.connection.closed is not None)
    assert ann.connection.closed[0] == 4400
    assert ben.connection.closed is None
    received = world.metrics.frames_received
    ann.say(messages.encode_update(ann.doc.get_update()))
    assert world.metrics.frames_received == received, "nothing more is taken from it"


async def test_one_that_kills_workers_is_refused_and_told(world: World) -> None:
    ann = await world.synced()
    ann.say(channel(op="hello", v=1))
    world.scan_worker.failure = JobFailed(FailureKind.CRASHED, "signal 11")
    ann.write(LARGE)
    await until(lambda: ann.connection.reading)
    assert ("rejected", "too_large") in [(e["op"], e.get("reason")) for e in ann.envelopes()]
    assert ann.connection.closed is None
    assert ann.session.member.refused


async def test_without_a_free_worker_the_client_comes_again(world: World) -> None:
    ann = await world.synced()
    world.scan_worker.failure = WorkersBusy("100 jobs wait")
    ann.write(LARGE)
    await until(lambda: ann.connection.closed is not None)
    assert ann.connection.closed[0] == 1013


async def test_who_leaves_meanwhile_is_forgotten(world: World) -> None:
    ann = await world.synced()
    world.scan_worker.gate.clear()
    ann.write(LARGE)
    ann.session.disconnected(1000)
    world.scan_worker.gate.set()
    joiner = await world.synced()
    await until(lambda: not world.tasks.running("scan"))
    assert text_of(joiner) == ""
