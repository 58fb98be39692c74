"""When a parser's buffer is given back: at once, after a while, never in the middle of a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from collab_server.gateway.parser_size import ParserSize


@dataclass
class FrameSize:
    """What of a picows frame tells what its parser holds."""

    payload_size: int
    last_in_buffer: bool = True
    tail_size: int = 0


def asked(size: ParserSize, frame: Any, now: float) -> bool:
    """As the connection asks."""
    return frame.payload_size > size.ask_above and size.is_to_go(frame, now)


def test_small_frames_ask_for_nothing() -> None:
    assert not asked(ParserSize(), FrameSize(64 * 1024), 0.0)


def test_after_a_very_large_frame_it_is_to_go_at_once() -> None:
    assert asked(ParserSize(), FrameSize(300_000), 0.0)


def test_after_a_large_frame_it_is_kept_for_a_while() -> None:
    size = ParserSize()
    assert not asked(size, FrameSize(100_000), 10.0)
    assert not asked(size, FrameSize(5), 14.9)
    assert not asked(size, FrameSize(100_000), 14.9)
    assert not asked(size, FrameSize(5), 19.8)
    assert asked(size, FrameSize(5), 19.9)


def test_it_is_never_to_go_while_it_holds_bytes_of_a_next_frame() -> None:
    size = ParserSize()
    assert not asked(size, FrameSize(300_000, last_in_buffer=False), 0.0)
    assert not asked(size, FrameSize(5, tail_size=3), 0.0)
    assert asked(size, FrameSize(5), 0.0)


def test_a_new_one_begins_anew() -> None:
    size = ParserSize()
    assert asked(size, FrameSize(300_000), 0.0)
    size.renewed()
    assert not asked(size, FrameSize(5), 0.0)
