"""TLS of the real process: a new certificate under a class that writes, and a bad one that harms nobody."""

from __future__ import annotations

import asyncio
import signal
import ssl
from contextlib import AsyncExitStack

import pytest

from tests.support.certificates import Pair, make_pair
from tests.support.editor import Editor
from tests.support.server import HOST, ServerProcess

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("server", ["tls"], indirect=True)]

CLASS = 20
LETTERS = 40


async def shown(server: ServerProcess, trusted: ssl.SSLContext) -> bytes:
    """The certificate that a new connection is shown."""
    _, writer = await asyncio.open_connection(HOST, server.port, ssl=trusted)
    certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    assert isinstance(certificate, bytes)
    return certificate


def of(pair: Pair) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pair.cert.read_text())


async def enter_class(server: ServerProcess, stack: AsyncExitStack) -> list[Editor]:
    editors = [await stack.enter_async_context(Editor()) for _ in range(CLASS)]
    for editor in editors:
        await editor.connect(f"{server.url}/class", tls=server.client_tls)
    await asyncio.gather(*(editor.joined() for editor in editors))
    return editors


async def type_letters(editor: Editor) -> None:
    for _ in range(LETTERS):
        editor.append("x")
        await asyncio.sleep(0.05)  # the pace of a typist


async def test_a_new_certificate_under_a_class_that_writes(
    server: ServerProcess, stack: AsyncExitStack
) -> None:
    assert server.tls is not None
    editors = await enter_class(server, stack)
    typing = asyncio.gather(*(type_letters(editor) for editor in editors))
    first = of(server.tls)
    assert await shown(server, server.tls.client_context()) == first

    make_pair(server.tls.cert.parent)
    server.signal(signal.SIGHUP)
    await server.wait_logged("certificate_loaded")
    second = of(server.tls)
    assert second != first
    assert await shown(server, server.tls.client_context()) == second

    await typing
    for editor in editors:
        assert editor.client is not None
        await editor.wait(lambda editor=editor: len(editor.text) == CLASS * LETTERS)
        assert editor.client.closed is None
    assert len({str(editor.text) for editor in editors}) == 1


async def test_a_bad_certificate_leaves_the_one_of_before(
    server: ServerProcess, stack: AsyncExitStack
) -> None:
    assert server.tls is not None
    trusted, first = server.tls.client_context(), of(server.tls)
    editors = await enter_class(server, stack)
    server.tls.cert.write_text("spoiled")
    server.signal(signal.SIGHUP)
    await server.wait_logged("certificate_refused")
    (line,) = server.logged("certificate_refused")
    assert "does not hold a certificate" in line["error"]
    assert await shown(server, trusted) == first
    editors[0].append("still here")
    await editors[1].wait_text("still here")


async def test_the_addresses_and_the_rest_of_http(server: ServerProcess) -> None:
    (ready,) = server.logged("server_ready")
    assert ready["url"].startswith("https://")
    assert ready["ws_url"].startswith("wss://")
    assert (await server.get("/readyz"))[0] == 200
    assert (await server.metrics())["collab_http_connections_open"] == 1.0
