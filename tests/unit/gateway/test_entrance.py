"""Who is let in, and that nobody stays between the door and the room, whatever goes wrong in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from collab_server.gateway.auth import OpenAccess
from collab_server.protocol.close_codes import CloseReason
from collab_server.runtime.connection import UpgradeRequest
from collab_server.runtime.session import SessionState
from collab_server.types import Identity
from tests.unit.runtime.worlds import FakeConnection, World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.journal.open()
    yield world
    world.registry.close()
    await world.tasks.close()
    await world.journal.close()


class Slow(OpenAccess):
    """Has to ask somebody; `error` is what comes of it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error

    def recognise(self, request: UpgradeRequest, room: str) -> Identity | None:  # type: ignore[override]
        return None

    async def authenticate(self, request: UpgradeRequest, room: str) -> Identity:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return super().recognise(request, room)


class Broken(OpenAccess):
    """Has a mistake where nothing waits."""

    def recognise(self, request: UpgradeRequest, room: str) -> Identity:
        raise KeyError("a mistake")


async def test_one_who_has_to_be_asked_for_is_let_in(world: World) -> None:
    world.entrance._authenticator = Slow()
    client = await world.joined()
    assert client.connection.closed is None


async def test_a_mistake_refuses_the_session_and_is_reported(world: World) -> None:
    """Story: the session stayed where it was; nothing was read, and its place was gone."""
    world.entrance._authenticator = Slow(KeyError("a mistake"))
    with capture_logs() as lines:
        client = world.connect()
        await client.until(lambda: client.connection.closed is not None)
    assert client.connection.closed == CloseReason.INTERNAL.value
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["task_failed"]


async def test_an_opening_that_was_cancelled_refuses_the_session(world: World) -> None:
    world.entrance._authenticator = Slow(asyncio.CancelledError())
    client = world.connect()
    await client.until(lambda: client.connection.closed is not None)
    assert client.connection.closed == CloseReason.INTERNAL.value


async def test_a_mistake_after_the_session_is_open_ends_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.entrance._authenticator = Slow()
    runner = (await world.joined()).session.room

    def fail(_session: object) -> None:
        raise KeyError("a mistake")

    monkeypatch.setattr(runner, "ask", fail)
    client = world.connect()
    await client.until(lambda: client.connection.closed is not None)
    assert client.connection.closed == CloseReason.INTERNAL.value
    assert client.session not in runner.sessions


async def test_a_mistake_where_nothing_waits_leaves_no_session(world: World) -> None:
    """The gateway has no handler then, so it does not say that the connection is gone."""
    world.entrance._authenticator = Broken()
    connection = FakeConnection()
    with pytest.raises(KeyError):
        world.entrance.accept(connection, UpgradeRequest(b"/r"))
    assert connection.closed == CloseReason.INTERNAL.value
    assert not world.entrance.sessions
    assert world.metrics.connections_closed[CloseReason.INTERNAL] == 1


async def test_a_mistake_in_the_room_itself_leaves_nobody_in_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await world.joined()

    def fail(_session: object) -> None:
        raise KeyError("a mistake")

    monkeypatch.setattr(first.session.room, "ask", fail)
    with pytest.raises(KeyError):
        world.connect()
    assert list(first.session.room.sessions) == list(world.entrance.sessions) == [first.session]
    assert first.session.state is SessionState.OPEN
