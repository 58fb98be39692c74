"""What an ASGI scope says of a WebSocket's handshake, as the gateway knows handshakes. Pure.

Owns how the path below an application's root is found. Servers differ in what they put into a scope: some
leave out `raw_path`, some leave the root path out of the path.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any
from urllib.parse import quote

from collab_server.gateway.handshake import first_offered, join_headers
from collab_server.runtime.connection import UpgradeRequest

Scope = MutableMapping[str, Any]

_PERCENT = 0x25
_SLASH = 0x2F


def upgrade_request(scope: Scope, *, base_path: str = "") -> UpgradeRequest:
    """The handshake of a `websocket` scope. The path is the one below `root_path`, under `base_path`."""
    path = below_root(_raw_path(scope), scope.get("root_path", ""))
    if base_path and not path.startswith(base_path.encode() + b"/"):
        # As over HTTP: it may be that the server before us has stripped what it mounts us at.
        path = base_path.encode() + path
    client = scope.get("client")
    return UpgradeRequest(
        path=path,
        query=scope.get("query_string", b""),
        headers=join_headers(
            (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]
        ),
        remote=str(client[0]) if client else "",
    )


def subprotocol(scope: Scope) -> str | None:
    """The subprotocol to answer with."""
    return first_offered(scope.get("subprotocols", ()))


def below_root(raw_path: bytes, root_path: str) -> bytes:
    """`raw_path`, still encoded, without the decoded `root_path`; unchanged if it is not under it."""
    root = root_path.rstrip("/").encode()
    end = _match(raw_path, root)
    if end is None or not (end == len(raw_path) or raw_path[end] == _SLASH):
        return raw_path
    return raw_path[end:] or b"/"


def _match(raw_path: bytes, root: bytes) -> int | None:
    """Where in `raw_path` the bytes of `root` end; each may be there as it is or percent-encoded."""
    place = 0
    for wanted in root:
        if raw_path[place : place + 1] == bytes((wanted,)) and wanted != _PERCENT:
            place += 1
        elif _decoded(raw_path[place : place + 3]) == wanted:
            place += 3
        else:
            return None
    return place


def _decoded(escape: bytes) -> int | None:
    if len(escape) != 3 or escape[0] != _PERCENT:
        return None
    try:
        return bytes.fromhex(escape[1:].decode("ascii"))[0]
    except ValueError:
        return None


def _raw_path(scope: Scope) -> bytes:
    raw = scope.get("raw_path")
    path = quote(scope["path"]).encode() if raw is None else bytes(raw)
    return path.partition(b"?")[0]  # one server leaves the query there
