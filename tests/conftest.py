"""Fixtures for every test: servers as processes, Node clients, the watch over blocking calls and leaks."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import structlog
from blockbuster import blockbuster_ctx

from tests.support.install import ensure_node_modules
from tests.support.leaks import no_leaks
from tests.support.node import NodeClient, NodeProcess
from tests.support.server import (
    ServerProcess,
    asgi_server,
    memory_server,
    mute_server,
    our_server,
    tls_server,
)

LOG_SHOWN = 40


@pytest.fixture(autouse=True)
def logging_as_it_comes() -> None:
    """Nothing of what an earlier test configured: a level would hide lines that a later one looks for."""
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The folder of the Node scripts, its packages installed."""
    return ensure_node_modules()


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """What a test opens on the way and wants closed behind it, the latest first."""
    async with AsyncExitStack() as opened:
        yield opened


#: The ways in to our server: its port, ASGI under Hypercorn, its port with TLS.
WAYS_IN = {"port": our_server, "asgi": asgi_server, "tls": tls_server}

#: For tests of what must not depend on the way in.
both_ways_in = pytest.mark.parametrize("server", ["port", "asgi"], indirect=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--way-in", choices=WAYS_IN, default="port", help="how clients reach our server")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Over ASGI, what only our own port can promise is left out."""
    if config.getoption("--way-in") != "asgi":
        return
    for item in items:
        for marker in item.iter_markers("port_only"):
            item.add_marker(pytest.mark.skip(reason=f"over ASGI: {marker.args[0]}"))


@pytest.fixture
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """Our server on a fresh data directory; at the end it must exit in order.

    On its own port, unless the test is parametrised with one of `WAYS_IN`, or all are told by --way-in.
    """
    way_in = getattr(request, "param", request.config.getoption("--way-in"))
    async with WAYS_IN[way_in](tmp_path / "data") as process:
        yield process
    # Shown by pytest when the test failed.
    print(process.log_tail(LOG_SHOWN))


@pytest.fixture
async def mute(node_modules: Path) -> AsyncIterator[ServerProcess]:
    """The control that relays nothing."""
    async with mute_server() as process:
        yield process


@pytest.fixture
async def forgetful(node_modules: Path) -> AsyncIterator[ServerProcess]:
    """The control that relays and keeps nothing over a restart."""
    async with memory_server() as process:
        yield process


StartClient = Callable[[], Awaitable[NodeClient]]


@pytest.fixture
def node_client(request: pytest.FixtureRequest, node_modules: Path, stack: AsyncExitStack) -> StartClient:
    """Starts a Node process with one client in it, which trusts the certificate of the test's server."""
    tls = request.getfixturevalue("server").tls if "server" in request.fixturenames else None

    async def start() -> NodeClient:
        process = NodeProcess("client.mjs", trusted=None if tls is None else tls.cert)
        return NodeClient(await stack.enter_async_context(process))

    return start


@pytest.fixture
def worker_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker processes find this source and the tests' table of jobs."""
    root = Path(__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (root, root / "storage"))))


@pytest.fixture
def no_blocking_calls() -> Iterator[None]:
    """A blocking call on the event loop fails the test. For tests that run our own loop code."""
    with blockbuster_ctx():
        yield


@pytest.fixture
async def leak_check() -> AsyncIterator[None]:
    """Tasks, threads or descriptors left behind fail the test."""
    async with no_leaks():
        yield
