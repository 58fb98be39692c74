"""Listening sockets and the errors that say what to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from collab_server.errors import ConfigError
from collab_server.gateway.sockets import ListenError, Resolved, bind_all, resolve

LOOPBACK = (socket.AF_INET, ("127.0.0.1", 0))
LOOPBACK_6 = (socket.AF_INET6, ("::1", 0, 0, 0))


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock.getsockname()[1]


def close(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        sock.close()


async def test_a_numeric_host_is_resolved_to_itself() -> None:
    resolved = await resolve("127.0.0.1", 0)

    assert resolved.addresses == (LOOPBACK,)
    assert resolved.numeric == ("127.0.0.1",)


async def test_localhost_is_loopback() -> None:
    assert set((await resolve("localhost", 0)).numeric) <= {"127.0.0.1", "::1"}


async def test_a_host_that_is_none_is_named() -> None:
    with pytest.raises(ListenError, match="no-such-host"):
        await resolve("no-such-host.invalid", 0)


def test_port_0_takes_a_free_port() -> None:
    sockets = bind_all(Resolved("127.0.0.1", 0, (LOOPBACK,)), backlog=5)

    assert sockets[0].getsockname()[1] > 0
    assert sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
    assert not sockets[0].getblocking()
    close(sockets)


@needs_ipv6
def test_all_addresses_share_one_port() -> None:
    sockets = bind_all(Resolved("localhost", 0, (LOOPBACK, LOOPBACK_6)), backlog=5)

    assert len({sock.getsockname()[1] for sock in sockets}) == 1
    close(sockets)


def test_an_address_this_machine_lacks_is_left_out_if_another_is_there() -> None:
    """`localhost` names ::1 also where IPv6 is switched off."""
    elsewhere = (socket.AF_INET, ("192.0.2.1", 0))

    sockets = bind_all(Resolved("localhost", 0, (elsewhere, LOOPBACK)), backlog=5)

    assert len(sockets) == 1
    close(sockets)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ListenError, match=r"192\.0\.2\.1 is not an address.*--host"):
        bind_all(Resolved("192.0.2.1", 0, ((socket.AF_INET, ("192.0.2.1", 0)),)), backlog=5)


def test_a_port_in_use_says_what_to_do(taken: int) -> None:
    with pytest.raises(ListenError, match=rf"127\.0\.0\.1:{taken} is in use.*--port") as caught:
        bind_all(Resolved("127.0.0.1", taken, ((socket.AF_INET, ("127.0.0.1", taken)),)), backlog=5)
    assert isinstance(caught.value, ConfigError)


def test_a_failure_leaves_no_socket_open(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[socket.socket] = []
    original = socket.socket.listen

    def listen(sock: socket.socket, backlog: int) -> None:
        opened.append(sock)
        original(sock, backlog)

    monkeypatch.setattr(socket.socket, "listen", listen)
    with pytest.raises(ListenError):  # the second one asks for the port of the first
        bind_all(Resolved("127.0.0.1", 0, (LOOPBACK, LOOPBACK)), backlog=5)

    assert opened
    assert all(sock.fileno() == -1 for sock in opened)


@pytest.mark.parametrize(("number", "words"), [(13, "privileges.*--port"), (105, "cannot be listened on")])
def test_other_errors_are_explained(number: int, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(sock: socket.socket, address: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(ListenError, match=words):
        bind_all(Resolved("127.0.0.1", 80, (LOOPBACK,)), backlog=5)
