"""The opening handshake by RFC 6455 §4.2: who gets a WebSocket, and what the others are told."""

from __future__ import annotations

import pytest

from collab_server.gateway.handshake import (
    Handshake,
    first_offered,
    read_handshake,
    switching_response,
    wants_websocket,
)
from collab_server.gateway.head import RefusedRequest, RequestHead, parse_head
from tests.unit.gateway.wiring import ACCEPT, KEY, head


def parsed(data: bytes) -> RequestHead:
    return parse_head(data.removesuffix(b"\r\n\r\n"), max_headers=100)


def handshake(data: bytes) -> Handshake:
    return read_handshake(parsed(data), remote="127.0.0.1")


def test_the_request_is_handed_on_as_it_was_sent() -> None:
    request = handshake(head("/a%20b/c?x=1&y", Origin="http://x", X_Empty="")).request

    assert request.path == b"/a%20b/c"
    assert request.query == b"x=1&y"
    assert request.headers["origin"] == "http://x"
    assert request.headers["x-empty"] == ""
    assert request.remote == "127.0.0.1"


def test_repeated_headers_are_joined() -> None:
    request = handshake(head(Cookie="a=1\r\nCookie: b=2", Accept="c\r\nAccept: d")).request

    assert request.headers["cookie"] == "a=1; b=2"
    assert request.headers["accept"] == "c, d"


@pytest.mark.parametrize(
    "connection", ["keep-alive, Upgrade", "upgrade", "Upgrade,keep-alive", "x\r\nConnection: UPGRADE"]
)
def test_every_spelling_of_the_connection_header_is_taken(connection: str) -> None:
    """Firefox sends `keep-alive, Upgrade`, which picows' own handshake refuses."""
    assert handshake(head(Connection=connection)).key == KEY


@pytest.mark.parametrize("upgrade", ["WebSocket", "h2c, websocket"])
def test_every_spelling_of_the_upgrade_header_is_taken(upgrade: str) -> None:
    assert handshake(head(Upgrade=upgrade)).key == KEY


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (head(start="POST / HTTP/1.1"), 405),
        (head(start="GET / HTTP/1.0"), 400),
        (head(Connection="keep-alive"), 426),
        (head(Connection=None, Upgrade=None), 426),
        (head(Upgrade="h2c"), 426),
        (head(Sec_WebSocket_Version="12"), 426),
        (head(Sec_WebSocket_Version=None), 426),
        (head(Sec_WebSocket_Version="13\r\nSec-WebSocket-Version: 13"), 400),
        (head(Sec_WebSocket_Key=None), 400),
        (head(Sec_WebSocket_Key="c2hvcnQ="), 400),
        (head(Sec_WebSocket_Key="!" * 24), 400),
        (head(Sec_WebSocket_Key="\xe9" * 24), 400),
        (head(Sec_WebSocket_Key=f"{KEY}\r\nSec-WebSocket-Key: {KEY}"), 400),
        (head(Origin="a\r\nOrigin: b"), 400),
        (head(Content_Length="5"), 400),
        (head(Transfer_Encoding="chunked"), 400),
        (head(Sec_WebSocket_Protocol="a b"), 400),
        (head(Sec_WebSocket_Protocol="caf\xe9"), 400),
    ],
)
def test_what_is_no_handshake_is_refused(data: bytes, status: int) -> None:
    with pytest.raises(RefusedRequest) as caught:
        handshake(data)

    assert caught.value.status == status
    if status == 426:
        assert ("Sec-WebSocket-Version", "13") in caught.value.headers


def test_a_body_of_no_bytes_is_fine() -> None:
    assert handshake(head(Content_Length="0")).key == KEY


def test_a_proxy_that_strips_the_upgrade_is_named() -> None:
    with pytest.raises(RefusedRequest, match="proxy"):
        handshake(head(Connection="close", Upgrade=None))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (head(), True),
        (head(Connection="close", Upgrade=None), True),
        (head(Sec_WebSocket_Key=None), True),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", False),
    ],
)
def test_who_wants_a_websocket(data: bytes, expected: bool) -> None:
    assert wants_websocket(parsed(data)) is expected


def test_the_answer_is_that_of_the_standard() -> None:
    answer = switching_response(handshake(head()), subprotocol=None)

    assert answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert answer.endswith(b"\r\n\r\n")
    assert f"Sec-WebSocket-Accept: {ACCEPT}\r\n".encode() in answer
    assert b"Extensions" not in answer
    assert b"Protocol:" not in answer


def test_a_subprotocol_is_answered() -> None:
    asked = handshake(
        head(Sec_WebSocket_Protocol="collab, token.abc", Sec_WebSocket_Extensions="permessage-deflate")
    )

    answer = switching_response(asked, subprotocol=first_offered(asked.offered))

    assert asked.offered == ("collab", "token.abc")
    assert b"Sec-WebSocket-Protocol: collab\r\n" in answer
    assert b"deflate" not in answer


def test_who_offers_none_gets_none() -> None:
    assert first_offered(()) is None
