"""What the fast path tells a connection's handler, and what happens if it raises: the connection is closed.

Owns the guarding of these calls. Full and empty buffers are told by `outgoing`.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from collab_server.observability import Event, get_logger
from collab_server.protocol.close_codes import CloseReason
from collab_server.runtime.connection import Connection, MessageHandler

_log = get_logger(__name__)

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
        except Exception:  # noqa: BLE001 - a mistake of ours ends one connection, not its neighbours
            _log.exception(Event.CONNECTION_FAILED, where="message")
            self._connection.close(*_INTERNAL)

    def text(self, payload: bytes) -> None:
        handler = self._handler
        try:
            if isinstance(handler, TakesText):
                handler.text(payload)
            else:
                handler.text_message()
        except Exception:  # noqa: BLE001 - as above
            _log.exception(Event.CONNECTION_FAILED, where="text message")
            self._connection.close(*_INTERNAL)

    def disconnected(self, code: int | None) -> None:
        try:
            self._handler.disconnected(code)
        except Exception:  # noqa: BLE001 - as above
            _log.exception(Event.CONNECTION_FAILED, where="disconnected")
