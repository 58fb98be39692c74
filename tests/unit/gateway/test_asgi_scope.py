"""Handshakes out of ASGI scopes: the same room name wherever the application is mounted."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_server.gateway.asgi_scope import below_root, subprotocol, upgrade_request


def scope(raw_path: bytes = b"/room", /, **changed: Any) -> dict[str, Any]:
    return {
        "type": "websocket",
        "path": unquote(raw_path.decode()),
        "raw_path": raw_path,
        "query_string": b"token=x",
        "root_path": "",
        "headers": [(b"host", b"a"), (b"Cookie", b"a=1"), (b"cookie", b"b=2"), (b"x", b"1"), (b"x", b"2")],
        "client": ("127.0.0.1", 4711),
        "subprotocols": ["one", "two"],
    } | changed


def test_everything_of_the_handshake() -> None:
    request = upgrade_request(scope(b"/a%2Fb/c"))
    assert (request.path, request.query, request.remote) == (b"/a%2Fb/c", b"token=x", "127.0.0.1")
    assert request.headers == {"host": "a", "cookie": "a=1; b=2", "x": "1, 2"}


@pytest.mark.parametrize(
    ("raw_path", "root_path", "below"),
    [
        (b"/collab/a/b", "/collab", b"/a/b"),
        (b"/collab/a/b", "/collab/", b"/a/b"),
        (b"/collab/", "/collab", b"/"),
        (b"/collab", "/collab", b"/"),
        (b"/a/b", "/collab", b"/a/b"),  # a proxy or the server itself has stripped it
        (b"/collaborate", "/collab", b"/collaborate"),
        (b"/collab/collab/x", "/collab", b"/collab/x"),
        (b"/gr%C3%BCn%20e/a%2Fb", "/grün e", b"/a%2Fb"),
        (b"/%63ollab/x", "/collab", b"/x"),
        (b"/100%25/x", "/100%", b"/x"),
        (b"/100%zz/x", "/100%", b"/100%zz/x"),
        (b"/a%", "/a%", b"/a%"),
        (b"/a", "", b"/a"),
    ],
)
def test_the_root_path_is_stripped(raw_path: bytes, root_path: str, below: bytes) -> None:
    assert below_root(raw_path, root_path) == below


@given(st.text(min_size=1), st.text())
def test_any_root_in_any_encoding(root: str, rest: str) -> None:
    try:
        raw = quote("/" + root.strip("/") + "/" + rest).encode()
    except UnicodeEncodeError:
        return  # half a surrogate pair is in no path
    if root.strip("/"):
        assert below_root(raw, "/" + root.strip("/")) == b"/" + quote(rest).encode()


def test_a_server_that_gives_no_raw_path() -> None:
    assert upgrade_request(scope(b"/a%20b", raw_path=None)).path == b"/a%20b"


def test_a_raw_path_with_its_query() -> None:
    assert upgrade_request(scope(b"/a?token=x")).path == b"/a"


@pytest.mark.parametrize("raw_path", [b"/collab/room", b"/room"])
def test_a_base_path_that_is_stripped_or_not(raw_path: bytes) -> None:
    assert upgrade_request(scope(raw_path), base_path="/collab").path == b"/collab/room"


def test_a_base_path_that_is_the_root_path() -> None:
    mounted = scope(b"/collab/room", root_path="/collab")
    assert upgrade_request(mounted, base_path="/collab").path == b"/collab/room"


def test_a_socket_without_address() -> None:
    assert upgrade_request(scope(client=None)).remote == ""


def test_the_first_subprotocol_is_answered() -> None:
    assert subprotocol(scope()) == "one"
    assert subprotocol(scope(subprotocols=[])) is None
