"""A gate that can be shut: order, no nesting, nothing lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_server.gateway.event_gate import EventGate


def test_an_open_gate_hands_on_at_once() -> None:
    seen: list[int] = []
    gate = EventGate(seen.append)

    gate.offer(1)

    assert gate.is_clear
    assert seen == [1]


def test_a_shut_gate_keeps_the_order() -> None:
    seen: list[int] = []
    gate = EventGate(seen.append)
    gate.shut()
    gate.offer(1)
    gate.offer(2)
    assert seen == []
    assert not gate.is_clear

    gate.open()
    gate.offer(3)

    assert seen == [1, 2, 3]
    assert gate.is_clear


def test_a_handler_can_shut_the_gate_again() -> None:
    seen: list[int] = []

    def handle(event: int) -> None:
        seen.append(event)
        gate.shut()

    gate = EventGate(handle)
    for event in range(3):
        gate.offer(event)
    assert seen == [0]

    gate.open()
    assert seen == [0, 1]
    gate.open()
    assert seen == [0, 1, 2]


def test_handlers_do_not_nest() -> None:
    seen: list[str] = []

    def handle(event: int) -> None:
        seen.append(f"begin {event}")
        gate.shut()
        gate.open()
        seen.append(f"end {event}")

    gate = EventGate(handle)
    gate.shut()
    gate.offer(1)
    gate.offer(2)
    gate.open()

    assert seen == ["begin 1", "end 1", "begin 2", "end 2"]


def test_an_event_offered_by_a_handler_follows_it() -> None:
    seen: list[int] = []

    def handle(event: int) -> None:
        if event == 1:
            gate.offer(2)
        seen.append(event)

    gate = EventGate(handle)
    gate.offer(1)

    assert seen == [1, 2]


def test_reset_opens_and_gives_back_what_waits() -> None:
    seen: list[int] = []
    gate = EventGate(seen.append)
    gate.shut()
    gate.offer(1)

    assert gate.reset() == [1]
    assert gate.reset() == []
    gate.offer(2)
    assert seen == [2]


def test_a_handler_that_raises_does_not_block_the_gate() -> None:
    def handle(event: int) -> None:
        if event == 1:
            raise ZeroDivisionError
        seen.append(event)

    seen: list[int] = []
    gate = EventGate(handle)
    with pytest.raises(ZeroDivisionError):
        gate.offer(1)
    gate.offer(2)

    assert seen == [2]


@given(
    steps=st.lists(st.sampled_from(["offer", "shut", "open"]), max_size=40),
    shutting=st.sets(st.integers(0, 20)),
)
def test_every_event_comes_once_and_in_order(steps: list[str], shutting: set[int]) -> None:
    seen: list[int] = []
    offered = 0

    def handle(event: int) -> None:
        seen.append(event)
        if event in shutting:
            gate.shut()

    gate = EventGate(handle)
    actions: dict[str, Callable[[], None]] = {"shut": gate.shut, "open": gate.open}
    for step in steps:
        if step == "offer":
            gate.offer(offered)
            offered += 1
        else:
            actions[step]()
    while len(seen) < offered:
        gate.open()

    assert seen == list(range(offered))
