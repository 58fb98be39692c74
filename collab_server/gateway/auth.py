"""Who a connection acts for: the port that decides it, and the answer while nobody is asked for a token.

Knows the handshake of a WebSocket and the name of a room. Knows neither sessions nor what a permission means.
"""

from __future__ import annotations

import secrets
from typing import Protocol

from collab_server.errors import RemoteError
from collab_server.gateway.bind import is_loopback
from collab_server.protocol.close_codes import CloseReason
from collab_server.runtime.connection import UpgradeRequest
from collab_server.types import DEFAULT_TENANT, Identity, Permission

_OPEN_PERMISSIONS = frozenset({Permission.READ, Permission.WRITE, Permission.CHAT})
_GUEST = "Guest"
#: Fits into the reason of a close frame.
_NOT_LOCAL = "Only this machine is let in. To let everybody write, set listen.allow_anonymous on the server."

#: Makes 10 characters; among 50,000 users a double has a chance of 2 in 100 million.
_USER_ID_BYTES = 7


class AuthenticationError(RemoteError):
    """Who connects may not come in. `reason`: UNAUTHENTICATED or FORBIDDEN; the text is for the client."""

    def __init__(self, reason: CloseReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Authenticator(Protocol):
    """Decides who a session acts for, and as which tenant."""

    def recognise(self, request: UpgradeRequest, room: str) -> Identity | None:
        """The identity, if it can be told without waiting; None if `authenticate` has to be asked.

        Raises AuthenticationError.
        """

    async def authenticate(self, request: UpgradeRequest, room: str) -> Identity:
        """The identity for one connection to the canonical room name `room`.

        May call out over the network; the caller sets the deadline. Raises AuthenticationError for the
        remote's fault, UnavailableError when it cannot be decided now.
        """


class OpenAccess:
    """Everybody may come in and write, each connection as a user of its own."""

    def recognise(self, request: UpgradeRequest, room: str) -> Identity:
        return Identity(
            tenant=DEFAULT_TENANT,
            user=random_user_id(),
            name=_GUEST,
            permissions=_OPEN_PERMISSIONS,
            made_up=True,
        )

    async def authenticate(self, request: UpgradeRequest, room: str) -> Identity:
        return self.recognise(request, room)


class LoopbackAccess:
    """As `OpenAccess`, for connections that come from this machine and for no others.

    For servers that are not ours: we do not choose the address they listen on, so that it cannot be refused.
    """

    def __init__(self) -> None:
        self._open = OpenAccess()

    def recognise(self, request: UpgradeRequest, room: str) -> Identity:
        # No address: a Unix socket.
        if request.remote and not is_loopback(request.remote):
            raise AuthenticationError(CloseReason.FORBIDDEN, _NOT_LOCAL)
        return self._open.recognise(request, room)

    async def authenticate(self, request: UpgradeRequest, room: str) -> Identity:
        return self.recognise(request, room)


def random_user_id() -> str:
    """A user id that nobody can guess, safe in URLs and file names."""
    return "u_" + secrets.token_urlsafe(_USER_ID_BYTES)
