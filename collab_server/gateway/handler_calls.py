"""What the fast path tells a connection's handler, and what happens if it raises: the connection is closed.

Owns the guarding of these calls. Full and empty buffers are told by `outgoing`.
"""

from __future__ import annotations

import logging
from typing import Protocol, runtime_checkable

from collab_server.protocol.close_codes import CloseReason
from collab_server.runtime.connection import Connection, MessageHandler

_logger = logging.getLogger(__name__)

_INTERNAL = CloseReason.INTERNAL.value


@runtime_checkable
class TakesText(Protocol):
    """A message handler that wants text: it comes here, checked to be UTF-8, not to `text_message`."""

    def text(self, payload: bytes) -> None: ...


class HandlerCalls:
    """The calls of one handler. No exception of its comes out of them."""

    __slots__ = ("_connection", "_handler")

    def __init__(self, connection: Connection, handler: MessageHandler) -> None:
        self._connection = connection
        self._handler = handler

    @property
    def takes_text(self) -> bool:
        return isinstance(self._handler, TakesText)

    def message(self, payload: bytes) -> None:
        try:
            self._handler.message(payload)
        except Exception:
            _logger.exception("a message handler raised in message()")
            self._connection.close(*_INTERNAL)

    def text(self, payload: bytes) -> None:
        handler = self._handler
        try:
            if isinstance(handler, TakesText):
                handler.text(payload)
            else:
                handler.text_message()
        except Exception:
            _logger.exception("a message handler raised at a text message")
            self._connection.close(*_INTERNAL)

    def disconnected(self, code: int | None) -> None:
        try:
            self._handler.disconnected(code)
        except Exception:
            _logger.exception("a message handler raised in disconnected()")
