"""Autobahn's cases for RFC 6455, run by kosoku against an echo behind the real port and frame handling.

Every case must pass. Where the standard leaves a choice, or the suite grades more finely than it, the
grade is written down here with its reason, and any other grade fails the test.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import kosoku
import pytest
from kosoku._kosoku import CaseResult

from collab_server.gateway.listener import start_listener
from collab_server.gateway.settings import GatewaySettings
from collab_server.runtime.connection import Connection, Frame, UpgradeRequest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

#: Cases that are not run, and why.
NOT_RUN = {
    "12.*": "permessage-deflate: never negotiated, a small bomb takes hundreds of megabytes to inflate",
    "13.*": "permessage-deflate, as 12.*",
}

#: Cases that pass with another grade than OK: (grade, why).
OTHER_GRADES = {
    "6.4.3": ("NON-STRICT", "a frame is handed over whole, so bad UTF-8 inside of it shows at its end"),
    "6.4.4": ("NON-STRICT", "as 6.4.3, the frame coming in pieces"),
    "7.1.6": ("INFORMATIONAL", "256 kB and then a close: the suite only looks on"),
    "7.13.1": ("INFORMATIONAL", "close code 5000, of which the standard says nothing: answered with 1002"),
    "7.13.2": ("INFORMATIONAL", "close code 65535, as 7.13.1"),
}

#: Cases of the largest message are 16 MB.
LARGEST_CASE_BYTES = 16 * 1024 * 1024


class Echo:
    """Sends everything back, and reads no more while the remote does not."""

    def __init__(self, connection: Connection, request: UpgradeRequest) -> None:
        self._connection = connection

    def message(self, payload: bytes) -> None:
        self._connection.send(Frame(payload))

    def text(self, payload: bytes) -> None:
        frame = Frame(payload)
        frame.wire = b"\x81" + frame.wire[1:]  # the server itself never sends text
        self._connection.send(frame)

    def text_message(self) -> None:
        raise AssertionError("text goes to text()")

    def writing_paused(self) -> None:
        self._connection.pause_reading()

    def writing_resumed(self) -> None:
        self._connection.resume_reading()

    def disconnected(self, code: int | None) -> None: ...


async def no_page(scope: object, receive: object, send: object) -> None:
    raise AssertionError("no plain HTTP in these cases")


@pytest.fixture
async def echo_url() -> AsyncIterator[str]:
    settings = GatewaySettings(message_max_bytes=LARGEST_CASE_BYTES)
    listener = await start_listener(
        host="127.0.0.1", port=0, acceptor=Echo, asgi_app=no_page, settings=settings
    )
    yield f"ws://127.0.0.1:{listener.port}"
    await listener.close()
    assert listener.connections == 0


async def run(url: str, cases: list[str] | None = None) -> dict[str, CaseResult]:
    try:
        results = await kosoku.run_fuzzingclient(url, cases, list(NOT_RUN), 2)
    except kosoku.FailureError as failure:
        results = failure.results
    return {result.case_id: result for result in results}


def describe(result: CaseResult) -> str:
    return (
        f"{result.case_id}: {result.behavior.value}, close {result.behavior_close.value}. "
        f"{result.result} {result.result_close}"
    )


async def test_every_case_has_its_grade(echo_url: str) -> None:
    results = await run(echo_url)

    assert len(results) >= 300
    assert set(OTHER_GRADES) <= set(results)
    wrong = [
        describe(result)
        for case, result in results.items()
        if not result.passed or result.behavior.value != OTHER_GRADES.get(case, ("OK", ""))[0]
    ]
    assert wrong == []


async def test_the_suite_notices_a_server_that_breaks_the_rules() -> None:
    """The control: sending back raw bytes answers pings with pings and bad UTF-8 with itself."""

    async def parrot(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(parrot, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    results = await run(f"ws://{host}:{port}", ["2.2", "6.3.1"])
    server.close()

    assert {case for case, result in results.items() if not result.passed} == {"2.2", "6.3.1"}
