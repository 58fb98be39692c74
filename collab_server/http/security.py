"""Headers that tell a browser what our page may do, and nothing more than that.

Owns the content security policy. One ASGI wrapper adds them to every answer, errors included.
"""

from __future__ import annotations

import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# What may stand in a policy. A Host header is written by whoever sends the request.
_HOST = re.compile(rb"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")

_FIXED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

# Editors set colours and positions of the others' cursors as style attributes, and add a style sheet.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self'; "
    "font-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'none'; "
    "frame-ancestors 'none'; connect-src 'self'"
)


def content_security_policy(host: bytes) -> str:
    """The policy of a page that was asked for under `host`: its own server is all it may talk to.

    Not every browser takes `'self'` to include its own WebSockets, so they are named.
    """
    if not _HOST.fullmatch(host):
        return _POLICY
    name = host.decode("ascii")
    return f"{_POLICY} ws://{name} wss://{name}"


class SecurityHeaders:
    """Adds the headers to every HTTP answer of `app`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = next((value for name, value in scope["headers"] if name == b"host"), b"")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_FIXED)
                headers["Content-Security-Policy"] = content_security_policy(host)
            await send(message)

        await self._app(scope, receive, send_with_headers)
