"""A TCP proxy with faults to order: cut, blackhole, delay, half close. Knows no protocol."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self

CHUNK = 1 << 16


class _Link:
    """One proxied connection: the client's side and the server's."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self.server = server

    def abort(self) -> None:
        self.client.transport.abort()
        self.server.transport.abort()


class FaultyProxy:
    """Listens on a free loopback port and forwards to (host, port)."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._links: set[_Link] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self._listener: asyncio.Server | None = None
        self.delay_seconds = 0.0
        self.refusing = False
        self.accepted = 0

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._listener is not None
        self._listener.close()
        self._passing.set()
        self.cut()
        await self._listener.wait_closed()

    @property
    def url(self) -> str:
        assert self._listener is not None
        return f"ws://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """Reset every connection in both directions."""
        for link in list(self._links):
            link.abort()

    def blackhole(self) -> None:
        """From now on nothing passes and nothing is refused, as behind a dead router."""
        self._passing.clear()

    def pass_again(self) -> None:
        self._passing.set()

    def half_close_clients(self) -> None:
        """End the clients' sending direction towards the server; the other one stays."""
        for link in self._links:
            link.server.write_eof()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            writer.transport.abort()
            return
        self.accepted += 1
        try:
            upstream, outward = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(writer, outward)
        self._links.add(link)
        try:
            await asyncio.gather(self._pump(reader, outward), self._pump(upstream, writer))
        finally:
            self._links.discard(link)
            link.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A reset on one side is the ordinary end of a proxied connection.
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(CHUNK):
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                await self._passing.wait()
                writer.write(data)
                await writer.drain()
        if writer.can_write_eof() and not writer.is_closing():
            with contextlib.suppress(OSError):
                writer.write_eof()
