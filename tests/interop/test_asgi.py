"""The server in other people's processes: mounted in an application, under an ASGI server, under load."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from collab_storage.sqlite import SqliteJournal

from collab_server.types import DEFAULT_TENANT
from tests.conftest import StartClient
from tests.interop import scenarios
from tests.support import yproto
from tests.support.asgi_host import MOUNTED_AT
from tests.support.editor import Editor
from tests.support.rawclient import HandshakeRefused, RawClient
from tests.support.server import ServerProcess, asgi_server

pytestmark = pytest.mark.slow

ROOM = "class/7b"
TYPISTS = 30
LETTERS = 30


@pytest.fixture(params=["", "/api"], ids=["at the root", "under a root path"])
async def host(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[ServerProcess, str]]:
    """A host application under Hypercorn, and the path at which our server is mounted in it."""
    options = ("--root-path", request.param) if request.param else ()
    async with asgi_server(tmp_path / "data", app="tests.support.asgi_host:host", options=options) as process:
        yield process, request.param + MOUNTED_AT


async def test_mounted_in_a_host_application(
    host: tuple[ServerProcess, str], node_client: StartClient, tmp_path: Path
) -> None:
    """Two stock clients converge, come back after a restart, and the room has the name it has on our port."""
    server, path = host
    first, second = await asyncio.gather(node_client(), node_client())
    for client, version in ((first, "2.1"), (second, "3.1")):
        await client.open(version, server.url + path, ROOM)
    await scenarios.enter(first, second)
    await scenarios.converge(first, second)
    await scenarios.see_each_other(first, second)
    await scenarios.survive_restart(server, first, second, kill=False)
    await server.stop()
    assert await streams(tmp_path / "data")
    assert server.logged("drain_incomplete") == []


async def streams(data: Path) -> list[str]:
    journal = SqliteJournal(data / "journal.sqlite3")
    await journal.open()
    try:
        return [info.stream for info in await journal.streams(DEFAULT_TENANT, ROOM)]
    finally:
        await journal.close()


async def test_the_page_and_the_host_answer_beside_it(host: tuple[ServerProcess, str]) -> None:
    server, path = host
    root = path.removesuffix(MOUNTED_AT)
    assert await server.get(f"{root}/lessons") == (200, b'["biology"]')
    assert (await server.get(f"{path}/livez"))[0] == 200
    assert (await server.get(f"{path}/readyz"))[0] == 200
    status, page = await server.get(f"{path}/notes/first")
    assert status == 200
    assert f'<base href="{path}/" />'.encode() in page or b"the page is not built" in page


async def test_a_host_that_forgot_the_lifespan_is_told(tmp_path: Path) -> None:
    async with asgi_server(tmp_path / "data", app="tests.support.asgi_host:forgetful_host") as server:
        status, body = await server.get(f"{MOUNTED_AT}/livez")
        assert (status, b"lifespan()" in body) == (503, True)
        async with await RawClient.connect(f"{server.url}{MOUNTED_AT}/room") as client:
            close = await client.wait_closed()
        assert close.code == 1013
        assert "lifespan()" in close.reason


async def test_the_cap(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            asgi_server(tmp_path / "data", COLLAB_LISTEN__MAX_CONNECTIONS="1")
        )
        await stack.enter_async_context(await RawClient.connect(f"{server.url}/room"))
        with pytest.raises(HandshakeRefused, match="503"):
            await RawClient.connect(f"{server.url}/room")


async def test_who_only_reads_stays_and_who_is_dead_goes(tmp_path: Path, stack: AsyncExitStack) -> None:
    """Pongs are not seen over ASGI: a question stands for a ping, and any Yjs client answers it."""
    server = await stack.enter_async_context(
        asgi_server(
            tmp_path / "data", COLLAB_SESSIONS__PING_SECONDS="0.5", COLLAB_SESSIONS__PONG_SECONDS="1.5"
        )
    )
    reader = await stack.enter_async_context(Editor())
    await reader.connect(f"{server.url}/{ROOM}")
    await reader.joined()
    dead = await stack.enter_async_context(await RawClient.connect(f"{server.url}/{ROOM}"))
    await dead.wait_closed()
    assert reader.client is not None

    def questions() -> int:
        assert reader.client is not None
        return sum(m.type == yproto.SYNC and m.step == yproto.STEP1 for m in reader.client.decoded)

    await reader.client.until(lambda: questions() >= 4, what="four questions")
    assert reader.client.closed is None


@pytest.mark.parametrize("server", ["asgi"], indirect=True)
async def test_a_class_that_types_loses_nothing(server: ServerProcess, stack: AsyncExitStack) -> None:
    editors = [await stack.enter_async_context(Editor()) for _ in range(TYPISTS)]
    for editor in editors:
        await editor.connect(f"{server.url}/{ROOM}")
    await asyncio.gather(*(editor.joined() for editor in editors))

    await asyncio.gather(*(type_letters(editor) for editor in editors))

    async with asyncio.timeout(60):
        for editor in editors:
            await editor.wait(lambda editor=editor: len(editor.text) == TYPISTS * LETTERS, within=60)
    assert len({str(editor.text) for editor in editors}) == 1
    editors[0].hello()
    editors[0].mark(1)
    await editors[0].wait_saved(1)


async def type_letters(editor: Editor) -> None:
    for _ in range(LETTERS):
        editor.append("x")
        await asyncio.sleep(0.1)  # the pace of a typist
