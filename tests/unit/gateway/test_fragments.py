"""Messages put together from frames: RFC 6455 §5.4, and the caps."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_server.gateway.fragments import BINARY, CONTINUATION, TEXT, Message, MessageAssembler
from collab_server.gateway.violations import INVALID_TEXT, PROTOCOL_ERROR, TOO_BIG, FrameViolation


def assembler(*, max_bytes: int = 100, max_fragments: int = 10, keep_text: bool = False) -> MessageAssembler:
    return MessageAssembler(max_bytes=max_bytes, max_fragments=max_fragments, keep_text=keep_text)


def violation(assembling: MessageAssembler, opcode: int, payload: bytes = b"", *, final: bool = True) -> int:
    with pytest.raises(FrameViolation) as caught:
        assembling.feed(opcode, payload, final=final)
    return caught.value.code


def test_a_whole_message_passes() -> None:
    assert assembler().feed(BINARY, b"abc", final=True) == Message(is_text=False, payload=b"abc")


@given(pieces=st.lists(st.binary(max_size=10), min_size=1, max_size=10))
def test_fragments_are_joined_in_order(pieces: list[bytes]) -> None:
    assembling = assembler()

    results = [
        assembling.feed(CONTINUATION if number else BINARY, piece, final=number == len(pieces) - 1)
        for number, piece in enumerate(pieces)
    ]

    assert results[:-1] == [None] * (len(pieces) - 1)
    assert results[-1] == Message(is_text=False, payload=b"".join(pieces))
    assert assembling.is_idle


def test_a_continuation_needs_a_beginning() -> None:
    assert violation(assembler(), CONTINUATION) == PROTOCOL_ERROR


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_must_end_before_the_next(opcode: int) -> None:
    assembling = assembler()
    assembling.feed(BINARY, b"a", final=False)

    assert not assembling.is_idle
    assert violation(assembling, opcode) == PROTOCOL_ERROR


@pytest.mark.parametrize(
    ("sizes", "fits"), [((100,), True), ((101,), False), ((60, 40), True), ((60, 41), False)]
)
def test_the_limit_of_bytes_counts_the_whole_message(sizes: tuple[int, ...], fits: bool) -> None:
    assembling = assembler()
    *first, last = sizes
    for number, size in enumerate(first):
        assembling.feed(CONTINUATION if number else BINARY, b"a" * size, final=False)
    opcode = CONTINUATION if first else BINARY

    if fits:
        assert assembling.feed(opcode, b"a" * last, final=True) is not None
    else:
        assert violation(assembling, opcode, b"a" * last) == TOO_BIG


def test_the_limit_of_fragments_is_exact() -> None:
    assembling = assembler()
    assembling.feed(BINARY, b"", final=False)
    for _ in range(9):
        assembling.feed(CONTINUATION, b"", final=False)

    assert violation(assembling, CONTINUATION) == TOO_BIG


def test_limits_begin_again_with_each_message() -> None:
    assembling = assembler()
    for _ in range(3):
        assembling.feed(BINARY, b"a" * 60, final=False)
        assert assembling.feed(CONTINUATION, b"a" * 40, final=True) is not None


def test_many_fragments_of_one_byte_take_little_memory() -> None:
    assembling = assembler(max_bytes=1 << 25, max_fragments=1 << 21)
    tracemalloc.start()
    assembling.feed(BINARY, b"a", final=False)
    for _ in range(100_000):
        assembling.feed(CONTINUATION, b"a", final=False)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 400_000


def test_text_is_told_and_not_kept() -> None:
    assembling = assembler()
    assembling.feed(TEXT, b"\xff" * 50, final=False)

    assert assembling.feed(CONTINUATION, b"b", final=True) == Message(is_text=True, payload=b"")
    assert assembling.feed(BINARY, b"c", final=True) == Message(is_text=False, payload=b"c")


def test_text_counts_where_it_is_not_kept() -> None:
    assert violation(assembler(), TEXT, b"a" * 101) == TOO_BIG


def test_text_is_kept_where_it_is_wanted() -> None:
    assembling = assembler(keep_text=True)
    assembling.feed(TEXT, "ä".encode()[:1], final=False)

    assert assembling.feed(CONTINUATION, "ä".encode()[1:], final=True) == Message(True, "ä".encode())


@pytest.mark.parametrize(
    ("payload", "final"), [(b"\xff", False), (b"\xf4\x90", False), (b"\xed\xa0\x80", False), (b"\xc3", True)]
)
def test_text_that_is_not_utf8_fails_as_soon_as_it_is_seen(payload: bytes, final: bool) -> None:
    assert violation(assembler(keep_text=True), TEXT, payload, final=final) == INVALID_TEXT


def test_binary_between_texts_is_not_checked() -> None:
    assembling = assembler(keep_text=True)
    assembling.feed(TEXT, b"a", final=True)

    assert assembling.feed(BINARY, b"\xff", final=True) == Message(False, b"\xff")
