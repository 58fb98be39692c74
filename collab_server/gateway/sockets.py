"""Listening sockets: from a host and a port to bound sockets, or to an error that says what to do.

Does not know who may connect (`bind.py`) nor what is served.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from collab_server.errors import ConfigError

#: Address family and the address that `socket.bind` takes.
BindAddress = tuple[socket.AddressFamily, tuple[str | int, ...]]

_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class ListenError(ConfigError):
    """The address cannot be listened on; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a host name stands for."""

    host: str
    port: int
    addresses: tuple[BindAddress, ...]

    @property
    def numeric(self) -> tuple[str, ...]:
        return tuple(str(address[0]) for _, address in self.addresses)


async def resolve(host: str, port: int) -> Resolved:
    """The addresses of `host`, without duplicates. Raises ListenError."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise ListenError(f"host {host!r} is not a name or address of this machine ({error}).") from error
    addresses: dict[BindAddress, None] = {(family, (*address,)): None for family, _, _, _, address in found}
    return Resolved(host, port, tuple(addresses))


def bind_all(resolved: Resolved, *, backlog: int) -> list[socket.socket]:
    """One listening socket per address, all on one port. Raises ListenError; then none is left open."""
    sockets: list[socket.socket] = []
    failures: list[OSError] = []
    try:
        for family, address in resolved.addresses:
            port = sockets[0].getsockname()[1] if sockets else resolved.port
            try:
                sockets.append(_bind_one(family, (address[0], port, *address[2:]), backlog=backlog))
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise
                failures.append(error)  # e.g. "localhost" names ::1 on a machine without IPv6
        if not sockets:
            raise failures[0]
    except OSError as error:
        _close(sockets)
        raise _explain(error, resolved) from error
    return sockets


def _bind_one(family: socket.AddressFamily, address: tuple[str | int, ...], *, backlog: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setblocking(False)
        sock.bind(address)
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


def _close(sockets: Sequence[socket.socket]) -> None:
    for sock in sockets:
        sock.close()


def _explain(error: OSError, resolved: Resolved) -> ListenError:
    where = f"{resolved.host}:{resolved.port}"
    if error.errno == errno.EADDRINUSE:
        return ListenError(
            f"{where} is in use, perhaps by another collab-server. "
            "Stop that program, or choose another port with --port."
        )
    if error.errno == errno.EACCES:
        return ListenError(
            f"{where} needs privileges that this user lacks. Choose a port from 1024 upwards with --port."
        )
    if error.errno in _NOT_HERE:
        return ListenError(
            f"{resolved.host} is not an address of this machine. Choose another one with --host."
        )
    return ListenError(f"{where} cannot be listened on: {error.strerror}.")
