"""SIGTERM while the journal is slow, fails, or never answers: the server ends in time, says what it could not
save, and what it had reported saved is there when it starts again."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from collab_server.process import ExitCode
from tests.durability.crowd import text_in
from tests.durability.test_kill import FAULTY_SERVER
from tests.support.editor import Editor
from tests.support.server import HOST, ServerProcess, our_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

ROOMS = ("shutdown/class", "shutdown/beside")
SLOW_SECONDS = 5.0
#: The default of sessions.drain_seconds, and the time after it in which files are closed.
GRACE_SECONDS, CLOSING_SECONDS = 25.0, 5.0
#: A shorter drain for the journals that will never be done.
SHORT_DRAIN_SECONDS = 3.0
#: For the exit of a process on a busy machine.
SLACK_SECONDS = 2.0


@dataclass(slots=True)
class School:
    """An editor in each of two rooms, on a server whose journal goes wrong when told."""

    server: ServerProcess
    data: Path
    trigger: Path
    editors: dict[str, Editor] = field(default_factory=dict)

    async def type_and_wait(self, text: str) -> None:
        for editor in self.editors.values():
            editor.append(text)
            editor.mark(1)
        for editor in self.editors.values():
            await editor.wait_saved(1)

    async def type(self, text: str) -> None:
        """Type, and wait until the server has it, saved or not."""
        for room, editor in self.editors.items():
            editor.append(text)
            editor.mark(2)
            assert await text_in(self.server, room) == str(editor.text)

    async def stop(self, *, expect: ExitCode) -> float:
        """SIGTERM; seconds until the process was gone."""
        began = time.monotonic()
        await self.server.stop(expect=expect)
        return time.monotonic() - began


@asynccontextmanager
async def school(tmp_path: Path, fault: str, *, env: Mapping[str, str]) -> AsyncIterator[School]:
    data, trigger = tmp_path / "data", tmp_path / "trigger"
    command = [sys.executable, str(FAULTY_SERVER), fault, "serve", "--host", HOST, "--data", str(data)]
    variables = {"FAULT_TRIGGER": str(trigger), "FAULT_SECONDS": str(SLOW_SECONDS), **env}
    server = ServerProcess([*command, "--log-format", "json"], env=variables)
    async with server, AsyncExitStack() as stack:
        found = School(server, data, trigger)
        for room in ROOMS:
            editor = await stack.enter_async_context(Editor())
            await editor.connect(f"{server.url}/{room}")
            found.editors[room] = await editor.joined()
            editor.hello()
        await found.type_and_wait("saved ")
        yield found


async def is_there_again(found: School, text: str) -> None:
    """On the data of a server that has ended."""
    async with our_server(found.data) as later:
        for room, editor in found.editors.items():
            assert await text_in(later, room) == text
            # Whoever still has what was not saved brings it back.
            await editor.connect(f"{later.url}/{room}")
            await editor.joined()
            editor.hello()
            editor.mark(3)
            await editor.wait_saved(3)
            assert await text_in(later, room) == "saved late "


async def test_a_journal_that_takes_five_seconds_is_waited_for(tmp_path: Path) -> None:
    async with school(tmp_path, "slow-commit", env={}) as found:
        found.trigger.touch()
        await found.type("late ")
        seconds = await found.stop(expect=ExitCode.OK)
        assert SLOW_SECONDS - 1 < seconds < GRACE_SECONDS
        assert found.server.logged("drain_incomplete") == []
        await is_there_again(found, "saved late ")


@pytest.mark.parametrize("fault", ["failing-commit", "stuck-commit", "hanging-disk"])
async def test_what_cannot_be_saved_is_listed_in_time(tmp_path: Path, fault: str) -> None:
    drain = {"COLLAB_SESSIONS__DRAIN_SECONDS": str(SHORT_DRAIN_SECONDS)}
    async with school(tmp_path, fault, env=drain) as found:
        found.trigger.touch()
        await found.type("late ")
        seconds = await found.stop(expect=ExitCode.NOT_SAVED)
        assert seconds < SHORT_DRAIN_SECONDS + CLOSING_SECONDS + SLACK_SECONDS
        (line,) = found.server.logged("drain_incomplete")
        assert line["level"] == "error"
        assert line["unsaved"] == len(ROOMS)
        assert sorted(line["rooms"]) == sorted(f"default/{room}" for room in ROOMS)
        await is_there_again(found, "saved ")
