from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_server.runtime.worker_stderr import FIRST_LINES, LAST_LINES, ErrorTail


def _lines(*parts: bytes) -> list[str]:
    tail = ErrorTail()
    for part in parts:
        tail.feed(part)
    return tail.lines()


@pytest.mark.parametrize(
    "line",
    [
        "thread '<unnamed>' panicked at src/types/text.rs:1234:9:",
        "thread '<unnamed>' (4711) panicked at /build/yrs-0.28.0/src/block.rs:12:5:",
        "memory allocation of 17179869184 bytes failed",
        "Fatal Python error: Segmentation fault",
        "Current thread 0x00007f5c12345678 (most recent call first):",
        '  File "/srv/collab_server/engine/loading.py", line 40 in load',
        '  File "<frozen runpy>", line 88, in _run_code',
        "worker: out of memory",
    ],
)
def test_where_a_program_was_is_shown(line: str) -> None:
    assert _lines(line.encode() + b"\n") == [line]


@pytest.mark.parametrize(
    "line",
    [
        "byte index 3 is not a char boundary; it is inside 'é' (bytes 2..4) of `SECRET`",
        "called `Result::unwrap()` on an `Err` value: SECRET",
        "    raise ValueError(SECRET)",
        "SECRET",
        "",
    ],
)
def test_what_may_quote_a_document_is_counted_alone(line: str) -> None:
    assert _lines(line.encode() + b"\n") == ["(1 other lines)"]


def test_an_error_is_named_without_its_text() -> None:
    assert _lines(b"json.decoder.JSONDecodeError: SECRET\nValueError: SECRET\n") == [
        "ValueError",
        "(1 other lines)",
    ]


def test_the_first_and_the_last_lines_are_kept() -> None:
    lines = [f'  File "a.py", line {number} in f' for number in range(100)]
    assert _lines("\n".join(lines).encode()) == lines[:FIRST_LINES] + lines[-LAST_LINES:]


def test_an_allocation_that_failed_in_rust_is_noticed() -> None:
    tail = ErrorTail()
    tail.feed(b"memory allocation of 99 bytes ")
    assert not tail.out_of_memory
    tail.feed(b"failed\n")
    assert tail.out_of_memory


@given(st.lists(st.binary(max_size=2_000), max_size=20))
def test_anything_is_taken_and_little_is_kept(parts: list[bytes]) -> None:
    assert sum(map(len, _lines(*parts))) <= (FIRST_LINES + LAST_LINES + 1) * 200


def test_a_line_without_end_is_not_kept() -> None:
    tail = ErrorTail()
    for _ in range(100):
        tail.feed(b"x" * 10_000)
    assert len(tail._part) <= 400
