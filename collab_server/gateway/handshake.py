"""The opening handshake of a WebSocket (RFC 6455 §4.2): what is asked, what is answered. Pure.

picows compares the Connection header as a whole and so refuses Firefox (`keep-alive, Upgrade`); the rules are
therefore ours, and picows is only ever shown a handshake that it takes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from collab_server.gateway.head import RefusedRequest, RequestHead, is_token, split_target
from collab_server.runtime.connection import UpgradeRequest

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SINGLE = ("sec-websocket-key", "sec-websocket-version", "origin", "authorization")

#: Given what the client offered, the one subprotocol to answer with, or None for none.
SubprotocolChoice = Callable[[Sequence[str]], str | None]


@dataclass(frozen=True, slots=True)
class Handshake:
    """A valid request to open a WebSocket. `key` and `offered` are as the client sent them."""

    request: UpgradeRequest
    key: str
    offered: tuple[str, ...]


def first_offered(offered: Sequence[str]) -> str | None:
    """Browsers fail a connection that offered subprotocols and was answered with none."""
    return offered[0] if offered else None


def wants_websocket(head: RequestHead) -> bool:
    """Whether the request means a WebSocket, well formed or not."""
    return "websocket" in _lower(head.tokens("upgrade")) or bool(head.values("sec-websocket-key"))


def read_handshake(head: RequestHead, *, remote: str) -> Handshake:
    """Check the handshake by RFC 6455 §4.2.1. Raises RefusedRequest."""
    if head.method != "GET":
        raise RefusedRequest(405, "A WebSocket is opened with GET.", headers=(("Allow", "GET"),))
    if head.version == "HTTP/1.0":
        raise RefusedRequest(400, "A WebSocket is opened with HTTP/1.1; HTTP/1.0 came, perhaps from a proxy.")
    _check_upgrade(head)
    _check_body(head)
    for name in _SINGLE:
        if len(head.values(name)) > 1:
            raise RefusedRequest(400, f"The header {name} came more than once.")
    _check_version(head)
    return Handshake(_upgrade_request(head, remote), _check_key(head), _offered(head))


def switching_response(handshake: Handshake, *, subprotocol: str | None) -> bytes:
    """The 101 answer (RFC 6455 §4.2.2). No extension is ever negotiated."""
    accept = base64.b64encode(
        hashlib.sha1(handshake.key.encode("ascii") + _GUID, usedforsecurity=False).digest()
    )
    chosen = (
        b"" if subprotocol is None else b"Sec-WebSocket-Protocol: " + subprotocol.encode("ascii") + b"\r\n"
    )
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n" + chosen + b"\r\n"
    )


def _check_upgrade(head: RequestHead) -> None:
    if "websocket" in _lower(head.tokens("upgrade")) and "upgrade" in _lower(head.tokens("connection")):
        return
    raise RefusedRequest(
        426,
        "This is a WebSocket handshake without its Upgrade and Connection headers. "
        "A proxy before the server has removed them: tell it to pass both on.",
        headers=(("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")),
    )


def _check_body(head: RequestHead) -> None:
    if head.values("transfer-encoding") or any(value != "0" for value in head.values("content-length")):
        raise RefusedRequest(400, "A WebSocket handshake has no body.")


def _check_version(head: RequestHead) -> None:
    if head.values("sec-websocket-version") != ["13"]:
        raise RefusedRequest(
            426,
            "Only version 13 of the WebSocket protocol is spoken here.",
            headers=(("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")),
        )


def _check_key(head: RequestHead) -> str:
    key = "".join(head.values("sec-websocket-key"))
    try:
        nonce = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        nonce = b""
    if len(nonce) != 16:
        raise RefusedRequest(400, "Sec-WebSocket-Key must be 16 bytes in Base64.")
    return key


def _offered(head: RequestHead) -> tuple[str, ...]:
    offered = tuple(head.tokens("sec-websocket-protocol"))
    if not all(is_token(name) for name in offered):
        raise RefusedRequest(400, "Sec-WebSocket-Protocol holds a name that is not a token.")
    return offered


def _upgrade_request(head: RequestHead, remote: str) -> UpgradeRequest:
    path, query = split_target(head.target)
    return UpgradeRequest(path=path, query=query, headers=join_headers(head.headers), remote=remote)


def join_headers(lines: Iterable[tuple[str, str]]) -> dict[str, str]:
    """One value for each name, in lower case: lines of the same name are joined (RFC 9110 §5.3)."""
    headers: dict[str, str] = {}
    for name, value in lines:
        headers[name] = (
            f"{headers[name]}{'; ' if name == 'cookie' else ', '}{value}" if name in headers else value
        )
    return headers


def _lower(tokens: Sequence[str]) -> list[str]:
    return [token.lower() for token in tokens]
