"""Request heads: what is read, what is refused and with which answer, whatever pieces the bytes come in."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_server.gateway.head import (
    HeadReader,
    RefusedRequest,
    RequestHead,
    is_token,
    parse_head,
    split_target,
)

REQUEST = b"GET /a?b=c HTTP/1.1\r\nHost: x\r\nX-Empty:\r\nAccept: a, b\r\naccept: c\r\n\r\n"


def reader(*, max_bytes: int = 1000, max_headers: int = 10) -> HeadReader:
    return HeadReader(max_bytes=max_bytes, max_headers=max_headers)


def feed_all(reading: HeadReader, pieces: Iterable[bytes]) -> list[tuple[RequestHead, bytes] | None]:
    return [reading.feed(piece) for piece in pieces]


def refusal(data: bytes, **limits: int) -> RefusedRequest:
    with pytest.raises(RefusedRequest) as caught:
        reader(**limits).feed(data)
    assert caught.value.sentence.endswith(".")
    return caught.value


def test_a_whole_head_is_read() -> None:
    complete = reader().feed(REQUEST)

    assert complete is not None
    head, rest = complete
    assert (head.method, head.target, head.version) == ("GET", b"/a?b=c", "HTTP/1.1")
    assert head.headers == (("host", "x"), ("x-empty", ""), ("accept", "a, b"), ("accept", "c"))
    assert head.tokens("accept") == ["a", "b", "c"]
    assert rest == b""


def test_bytes_after_the_head_are_given_back() -> None:
    reading = reader()

    complete = reading.feed(REQUEST + b"\n\x82\x00\r\n\r\n")

    assert complete is not None
    assert complete[1] == b"\n\x82\x00\r\n\r\n"
    assert reading.received == REQUEST + b"\n\x82\x00\r\n\r\n"


@given(cuts=st.lists(st.integers(0, len(REQUEST)), max_size=8))
def test_pieces_make_no_difference(cuts: list[int]) -> None:
    reading = reader()
    bounds = [0, *sorted(cuts), len(REQUEST)]
    pieces = [REQUEST[a:b] for a, b in itertools.pairwise(bounds) if a < b]

    results = feed_all(reading, pieces)

    assert results[:-1] == [None] * (len(results) - 1)
    assert results[-1] == reader().feed(REQUEST)


@given(data=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(RefusedRequest):
        reader().feed(data)


def test_one_empty_line_before_the_request_is_skipped() -> None:
    reading = reader()

    assert reading.feed(b"\r") is None
    assert reading.feed(b"\n" + REQUEST) == reader().feed(REQUEST)
    assert reading.received == REQUEST


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET /", 400),
        (b"GET  / HTTP/1.1", 400),
        (b"GET /a b HTTP/1.1", 400),
        (b" / HTTP/1.1", 400),
        (b"G(T / HTTP/1.1", 400),
        (b"GET /\x01 HTTP/1.1", 400),
        (b"GET / http/1.1", 400),
        (b"GET / HTTP/1.10", 400),
        (b"GET / HTTP/2.0", 505),
        (b"PRI * HTTP/2.0", 505),
        (b"GET / HTTP/0.9", 505),
    ],
)
def test_a_wrong_request_line_is_refused(line: bytes, status: int) -> None:
    assert refusal(line + b"\r\nHost: x\r\n\r\n").status == status


@pytest.mark.parametrize(
    "lines",
    [
        b"Host: x\r\nnothing",
        b"Host: x\r\n: value",
        b"Host: x\r\nX Y: value",
        b"Host : x",
        b"Host: x\r\nA: b\r\n folded",
        b"Host: x\r\nA: b\x00",
        b"Host: x\r\nA: b\rc",
        b"Host: x\r\nHost: y",
        b"A: b",
        b"Host: x\nA: b",
        b"Host: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked",
    ],
)
def test_a_wrong_header_is_refused(lines: bytes) -> None:
    assert refusal(b"GET / HTTP/1.1\r\n" + lines + b"\r\n\r\n").status == 400


def test_http_1_0_needs_no_host() -> None:
    assert parse_head(b"GET / HTTP/1.0", max_headers=1).version == "HTTP/1.0"


def test_values_keep_bytes_beyond_ascii() -> None:
    head = parse_head(b"GET / HTTP/1.1\r\nHost: x\r\nA: \xe9\t", max_headers=2)

    assert head.values("a") == ["\xe9"]


def test_a_bare_newline_is_refused_before_the_head_is_complete() -> None:
    assert refusal(b"GET / HTTP/1.1\nHost: x\n\n").status == 400


def test_a_newline_split_from_its_return_is_fine() -> None:
    reading = reader()

    assert reading.feed(b"GET / HTTP/1.1\r") is None
    assert reading.feed(b"\nHost: x\r\n") is None
    assert reading.feed(b"\r\n") is not None


@pytest.mark.parametrize("first", [1, 6])
def test_tls_is_told_apart(first: int) -> None:
    hello = b"\x16\x03\x01\x02\x00\x01"
    reading = reader()

    with pytest.raises(RefusedRequest, match="TLS"):
        feed_all(reading, [hello[:first], hello[first:]])


@pytest.mark.parametrize("size", [999, 1000, 1001, 5000])
def test_the_limit_of_bytes_is_exact(size: int) -> None:
    start = b"GET / HTTP/1.1\r\nHost: x\r\nA: "
    request = start + b"a" * (size - len(start) - 4) + b"\r\n\r\n"

    if size <= 1000:
        assert reader().feed(request) is not None
        assert feed_all(reader(), (request[i : i + 1] for i in range(size)))[-1] is not None
    else:
        assert refusal(request).status == 431


def test_an_endless_head_is_refused_at_the_limit() -> None:
    reading = reader()
    reading.feed(b"GET / HTTP/1.1\r\nA: ")
    for _ in range(1000 - 19):
        assert reading.feed(b"a") is None

    with pytest.raises(RefusedRequest) as caught:
        reading.feed(b"a")
    assert caught.value.status == 431


def test_an_endless_request_line_has_its_own_answer() -> None:
    assert refusal(b"GET /" + b"a" * 1000).status == 414


@pytest.mark.parametrize(("count", "accepted"), [(10, True), (11, False)])
def test_the_limit_of_headers_is_exact(count: int, accepted: bool) -> None:
    request = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * (count - 1) + b"\r\n"

    if accepted:
        assert reader().feed(request) is not None
    else:
        assert refusal(request).status == 431


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        (b"/a/b", (b"/a/b", b"")),
        (b"/a?b=c?d", (b"/a", b"b=c?d")),
        (b"http://host:1/a?b", (b"/a", b"b")),
        (b"WS://host", (b"/", b"")),
        (b"http://host?b", (b"/", b"b")),
        (b"*", (b"*", b"")),
        (b"/http://x/y", (b"/http://x/y", b"")),
        (b"/caf\xc3\xa9%20x", (b"/caf\xc3\xa9%20x", b"")),
    ],
)
def test_targets_are_split(target: bytes, parts: tuple[bytes, bytes]) -> None:
    assert split_target(target) == parts


@pytest.mark.parametrize(("text", "expected"), [("a.b-c", True), ("", False), ("a b", False), ("é", False)])
def test_tokens(text: str, expected: bool) -> None:
    assert is_token(text) is expected
