"""The server in the test's own process, on a journal that the test gives. Owns its start and its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from blockbuster import blockbuster_ctx
from collab_storage import Journal, StorageError

from collab_server.app import Application
from collab_server.config import Settings
from tests.support.editor import Editor

DRAIN_SECONDS = 10.0
UNLOAD_SECONDS = 20.0
#: Attempts to start or to get in before a failure that should pass counts as lasting.
ATTEMPTS = 20
TRY_AGAIN = 1013

SETTINGS = Settings.model_validate(
    {
        "listen": {"port": 0},
        "storage": {"memory_only": True, "retry_max_seconds": 0.02},
        "rooms": {"linger_seconds": 0},
        "sessions": {"refusal_delay_seconds": 0},
    }
)


@asynccontextmanager
async def running(journal: Journal, *, settings: Settings = SETTINGS) -> AsyncIterator[Application]:
    """A started application on `journal`. At the end it is drained, everything saved, and closed.

    Once it serves, a call that blocks the event loop is an error.
    A store that fails at the start is tried again, as whatever supervises a server would; one that fails at
    the close, when everything is saved, is forgiven.
    """
    app = await _started(journal, settings)
    try:
        with blockbuster_ctx():
            yield app
            await app.drain(deadline_seconds=DRAIN_SECONDS)
        assert app.unsaved() == []
    finally:
        await _close(app)


async def _started(journal: Journal, settings: Settings) -> Application:
    for _ in range(ATTEMPTS):
        app = Application(settings, journal=journal)
        try:
            await app.start()
        except StorageError:
            await _close(app)
        else:
            return app
    raise AssertionError(f"no start in {ATTEMPTS} attempts")


async def _close(app: Application) -> None:
    try:
        await app.close()
    except StorageError as error:
        print(f"closed with {error!r}")


def url_of(app: Application, room: str) -> str:
    return f"ws://127.0.0.1:{app.port}/{room}"


async def join(app: Application, room: str, editor: Editor) -> Editor:
    """Enter a room as a stock client does: refused with a retryable code, it comes again."""
    for _ in range(ATTEMPTS):
        await editor.connect(url_of(app, room))
        if await _is_in(editor):
            return editor
    raise AssertionError(f"could not enter {room} in {ATTEMPTS} attempts")


async def _is_in(editor: Editor) -> bool:
    client = editor.client
    assert client is not None
    await client.until(lambda: editor.synced or client.closed is not None, what="step 2 or close")
    if client.closed is not None:
        assert client.closed.code == TRY_AGAIN, f"refused for good: {client.closed}"
    return editor.synced


async def unloaded(app: Application) -> None:
    """Wait until no room is in memory."""
    async with asyncio.timeout(UNLOAD_SECONDS):
        while len(app.service.registry):  # noqa: ASYNC110
            # The registry tells nobody when a room is gone, so it is looked at.
            await asyncio.sleep(0.005)
