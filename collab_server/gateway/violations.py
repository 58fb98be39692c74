"""What a remote may not do on a WebSocket, and the close code that it gets for it (RFC 6455 §7.4.1)."""

from __future__ import annotations

from collab_server.errors import RemoteError

PROTOCOL_ERROR = 1002
INVALID_TEXT = 1007
TOO_BIG = 1009


class FrameViolation(RemoteError):
    """Frames that no conforming client sends, or that pass a cap. `code` is the close code to answer with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
