"""What a handler is told, and that its faults end its connection alone, with the code for it."""

from __future__ import annotations

import pytest

from collab_server.gateway.handler_calls import HandlerCalls
from collab_server.protocol.close_codes import CloseReason
from collab_server.runtime.connection import Frame, LargeMessage
from tests.unit.gateway.wiring import Logged


class Closed:
    """A connection that notes how it was closed."""

    buffered = 0

    def __init__(self) -> None:
        self.codes: list[int] = []

    def close(self, code: int, reason: str = "") -> None:
        self.codes.append(code)

    def send(self, frame: Frame) -> None: ...
    def send_pair(self, first: Frame, second: Frame) -> None: ...
    def send_large(self, message: LargeMessage) -> None: ...
    def abort(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def ping(self) -> bool:
        return True

    @property
    def last_received(self) -> float:
        return 0.0


class Told:
    """A handler that notes what it is told, and raises if it is to."""

    def __init__(self, *, faulty: bool = False) -> None:
        self.faulty = faulty
        self.told: list[object] = []

    def _note(self, what: object) -> None:
        self.told.append(what)
        if self.faulty:
            raise ZeroDivisionError

    def message(self, payload: bytes) -> None:
        self._note(payload)

    def text_message(self) -> None:
        self._note("text")

    def writing_paused(self) -> None: ...
    def writing_resumed(self) -> None: ...

    def disconnected(self, code: int | None) -> None:
        self._note(code)


class Reader(Told):
    def text(self, payload: bytes) -> None:
        self._note(payload.decode())


def test_it_is_told_everything() -> None:
    connection, handler = Closed(), Told()
    calls = HandlerCalls(connection, handler)
    calls.message(b"m")
    calls.text(b"not handed on")
    calls.disconnected(1000)
    assert handler.told == [b"m", "text", 1000]
    assert not calls.takes_text
    assert not connection.codes


def test_one_that_takes_text_gets_it() -> None:
    handler = Reader()
    calls = HandlerCalls(Closed(), handler)
    calls.text("für".encode())
    assert calls.takes_text
    assert handler.told == ["für"]


@pytest.mark.parametrize("handler", [Told(faulty=True), Reader(faulty=True)])
def test_what_it_raises_closes_the_connection(handler: Told, logged: Logged) -> None:
    connection = Closed()
    calls = HandlerCalls(connection, handler)
    calls.message(b"m")
    calls.text(b"t")
    assert connection.codes == [CloseReason.INTERNAL.value[0]] * 2
    assert [line["where"] for line in logged] == ["message", "text message"]


def test_what_it_raises_at_the_end_is_logged(logged: Logged) -> None:
    connection = Closed()
    HandlerCalls(connection, Told(faulty=True)).disconnected(None)
    assert [line["where"] for line in logged] == ["disconnected"]
    assert not connection.codes
