"""The loop of the server for these tests, and a gateway to connect to."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack

import pytest
import structlog
import uvloop
from blockbuster import blockbuster_ctx
from structlog.testing import capture_logs

from tests.support.certificates import make_pair
from tests.support.waiting import PATIENCE
from tests.unit.gateway.wiring import Gateway, Logged, StartGateway, TlsEnds, open_gateway


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def logged() -> Iterator[Logged]:
    """The lines that the server logs."""
    structlog.reset_defaults()  # a level that another test has set would keep lines back
    with capture_logs() as lines:
        yield lines


@pytest.fixture(scope="session")
def tls_ends(tmp_path_factory: pytest.TempPathFactory) -> TlsEnds:
    return TlsEnds.of(make_pair(tmp_path_factory.mktemp("certificate")))


#: For tests of what must not depend on what carries the bytes.
over_tcp_and_tls = pytest.mark.parametrize("start_gateway", ["tcp", "tls"], indirect=True)


@pytest.fixture
async def start_gateway(request: pytest.FixtureRequest, tls_ends: TlsEnds) -> AsyncIterator[StartGateway]:
    """Starts gateways with settings of the test and closes them behind it; with TLS if the parameter says so.

    Nothing may be left behind, and nothing may block the loop.
    """
    before = open_things()
    tls = tls_ends if getattr(request, "param", "tcp") == "tls" else None
    with blockbuster_ctx():
        async with AsyncExitStack() as stack:

            async def start(**options: object) -> Gateway:
                options = {"tls": tls, **options}
                return await stack.enter_async_context(open_gateway(**options))  # type: ignore[arg-type]

            yield start
    async with asyncio.timeout(PATIENCE):
        while open_things() > before:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.01)


def open_things() -> int:
    """Tasks besides this one, and sockets. (libuv opens /dev/null with its first listening socket.)"""
    files = (f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd"))
    sockets = sum(os.readlink(file).startswith("socket:") for file in files if os.path.lexists(file))
    return len(asyncio.all_tasks()) - 1 + sockets


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> Gateway:
    """A gateway with default settings."""
    return await start_gateway()
