"""`collab-server rooms top` beside a running server: it draws, and Ctrl-C gives the terminal back."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys
from pathlib import Path

from tests.support import yproto
from tests.support.rawclient import RawClient
from tests.support.server import ServerProcess
from tests.support.waiting import PATIENCE

_LEAVES_SCREEN = b"\x1b[?1049l"
_SHOWS_CURSOR = b"\x1b[?25h"


def _read(terminal: int, *, until: bytes | None) -> bytes:
    """What was drawn until something was; without that, until nobody draws any more."""
    out = b""
    while until is None or until not in out:
        try:
            part = os.read(terminal, 65_536)
        except OSError:
            break  # Linux says so when the last one has closed the other side
        if not part:
            break
        out += part
    return out


async def test_a_terminal_is_drawn_on_and_given_back(server: ServerProcess) -> None:
    command = str(Path(sys.executable).with_name("collab-server"))
    env = {**os.environ, "TERM": "xterm"}
    async with await RawClient.connect(f"{server.url}/maths") as client:
        client.send(yproto.step1())
        await client.until(lambda: len(client.messages) == 2)
        terminal, theirs = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            command, "rooms", "top", "--url", server.http, stdin=theirs, stdout=theirs, stderr=theirs, env=env
        )
        os.close(theirs)
        # The end of the process ends a read that waits in its thread, which nothing else could.
        watchdog = asyncio.get_running_loop().call_later(3 * PATIENCE, process.kill)
        drawn = await asyncio.to_thread(_read, terminal, until=b"maths")
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        rest = await asyncio.to_thread(_read, terminal, until=None)
        status = await process.wait()
        watchdog.cancel()
    os.close(terminal)
    assert b"maths" in drawn
    assert status == 0
    assert _LEAVES_SCREEN in rest
    assert _SHOWS_CURSOR in rest
