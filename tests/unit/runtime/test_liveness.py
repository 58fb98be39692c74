"""Whether the other side lives: answers, bytes taken, and how long each may take."""

from __future__ import annotations

import pytest

from collab_server.config import SessionSettings
from collab_server.runtime.liveness import Life, Liveness

SETTINGS = SessionSettings(ping_seconds=20.0, pong_seconds=10.0, send_stall_seconds=5.0)


class Wire:
    def __init__(self) -> None:
        self.last_received = 0.0
        self.buffered = 0


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def liveness(wire: Wire) -> Liveness:
    return Liveness(wire, SETTINGS)  # type: ignore[arg-type]


def test_who_says_something_is_not_asked(wire: Wire, liveness: Liveness) -> None:
    for now in range(100):
        wire.last_received = now
        assert liveness.look(now) is Life.FINE


def test_who_is_silent_is_asked_once_and_then_given_up(wire: Wire, liveness: Liveness) -> None:
    lives = [liveness.look(now) for now in range(32)]
    assert lives == [Life.FINE] * 20 + [Life.ASK] + [Life.FINE] * 10 + [Life.SILENT]


def test_an_answer_ends_the_question(wire: Wire, liveness: Liveness) -> None:
    assert liveness.look(20.0) is Life.ASK
    wire.last_received = 25.0
    assert liveness.look(31.0) is Life.FINE
    assert liveness.look(45.0) is Life.ASK


def test_who_takes_what_is_written_lives_without_a_word(wire: Wire, liveness: Liveness) -> None:
    for now in range(100):
        wire.buffered = 1000 - now
        assert liveness.look(now) is Life.FINE


def test_a_full_buffer_that_nobody_empties_is_the_end(wire: Wire, liveness: Liveness) -> None:
    wire.buffered = 1000
    liveness.full(1.0)
    assert liveness.is_full
    assert liveness.look(6.0) is Life.FINE
    assert liveness.look(6.1) is Life.STALLED


def test_a_full_buffer_that_is_being_emptied_is_not(wire: Wire, liveness: Liveness) -> None:
    liveness.full(0.0)
    for now in range(30):
        wire.buffered = 1000 - now
        assert liveness.look(now) is Life.FINE
    liveness.drained()
    assert not liveness.is_full
