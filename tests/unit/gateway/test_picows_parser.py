"""picows as a parser and nothing more, and the private signature that it is built on."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import pytest
from picows import WSFrame, WSTransport
from picows.picows import WSProtocol  # type: ignore[attr-defined]

from collab_server.gateway.picows_parser import (
    READ_BUFFER_BYTES,
    READ_BYTES,
    FrameParser,
    FrameReceiver,
    _arguments,
    new_parser,
)
from tests.support.rawclient import client_frame
from tests.unit.gateway.wiring import Logged


class Receiver(FrameReceiver):
    """Writes down what the parser tells."""

    def __init__(self) -> None:
        self.batch_pending = False
        self.failure = 0
        self.last_received = 0.0
        self.seen: list[Any] = []
        self.full_reads = 0
        self.on_frame: Any = None

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.seen.append((frame.msg_type.value, frame.get_payload_as_bytes()))
        if self.on_frame:
            self.on_frame(frame)

    def parser_failed(self, code: int) -> None:
        self.seen.append(f"failed {code}")

    def batch_done(self, read_bytes: int) -> None:
        self.seen.append(f"batch of {read_bytes} done")

    def more_to_read(self) -> None:
        self.full_reads += 1

    def eof_received(self) -> None:
        self.seen.append("eof")


def parse(receiver: Receiver, data: bytes, *, max_frame_bytes: int = 1000) -> FrameParser:
    parser = new_parser(receiver, max_frame_bytes=max_frame_bytes, loop=asyncio.get_running_loop())
    rest = memoryview(data)
    while rest:
        rest = rest[parser.feed(rest) :]
    return parser


def test_the_private_signature_is_the_one_that_was_read() -> None:
    """When this fails: read `WSProtocol.__init__` in the new picows, adapt `_arguments`, then the pin."""
    assert version("picows") == "2.3.1"
    assert len(_arguments(Receiver(), 1)) == 15


@pytest.mark.parametrize("count", [14, 16])
async def test_picows_takes_exactly_15_arguments(count: int) -> None:
    arguments = (*_arguments(Receiver(), 1), None)[:count]

    with pytest.raises(TypeError, match="15 positional"):
        WSProtocol(*arguments)


async def test_frames_come_as_they_were_sent() -> None:
    receiver = Receiver()

    parse(
        receiver,
        client_frame(2, b"a") + client_frame(1, b"b") + client_frame(9, b"p") + client_frame(0, b"c"),
    )

    assert receiver.seen == [(2, b"a"), (1, b"b"), (9, b"p"), (0, b"c")]


async def test_one_byte_at_a_time() -> None:
    receiver = Receiver()
    parser = parse(receiver, b"")
    data = client_frame(2, b"a" * 200) + client_frame(2, b"")

    for byte in data:
        parser.feed(memoryview(bytes((byte,))))

    assert receiver.seen == [(2, b"a" * 200), (2, b"")]


async def test_the_time_of_the_last_bytes_is_kept_within_a_frame_too() -> None:
    receiver = Receiver()
    parser = parse(receiver, b"")
    receiver.last_received = 0.0

    parser.feed(memoryview(b"\x82"))

    assert receiver.last_received == pytest.approx(asyncio.get_running_loop().time(), abs=5)


async def test_more_than_the_buffer_is_taken_in_parts() -> None:
    receiver = Receiver()

    parse(receiver, client_frame(2, b"a" * 100_000), max_frame_bytes=100_000)

    assert receiver.seen == [(2, b"a" * 100_000)]
    assert receiver.full_reads >= 100_000 // READ_BYTES


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x82\x01a", 1002),  # not masked
        (b"\x83\x80\0\0\0\0", 1002),  # opcode 3
        (b"\x09\x80\0\0\0\0", 1002),  # a ping in fragments
        (b"\x89\xfe\0\x7e\0\0\0\0", 1002),  # a ping of 126 bytes
        (b"\x82\xfe\0\x05\0\0\0\0aaaaa", 1002),  # a length in the longer form
        (b"\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0", 1002),  # a negative length
        (b"\x82\xfe\x03\xe9\0\0\0\0", 1009),  # 1001 bytes
        (b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 1009),  # 2⁶³ - 1 bytes
        (b"\x88\x81\0\0\0\0a", 1002),  # half a close code
        (b"\x88\x82\0\0\0\0\x03\xe7", 1002),  # close code 999
        (b"\x88\x83\0\0\0\0\x03\xe8\xff", 1007),  # a close reason that is no text
    ],
)
async def test_what_is_no_frame_fails_after_the_good_ones(data: bytes, code: int) -> None:
    receiver = Receiver()

    parse(receiver, client_frame(2, b"one") + client_frame(2, b"two") + data)

    assert receiver.seen == [(2, b"one"), (2, b"two"), f"failed {code}"]


async def test_the_limit_is_exact() -> None:
    receiver = Receiver()

    parse(receiver, client_frame(2, b"a" * 999) + client_frame(2, b"b" * 1000) + client_frame(2, b"c" * 1001))

    assert receiver.seen == [(2, b"a" * 999), (2, b"b" * 1000), "failed 1009"]


async def test_a_receiver_hears_of_the_end_of_a_read_when_it_asks() -> None:
    receiver = Receiver()
    receiver.on_frame = lambda frame: setattr(receiver, "batch_pending", True)

    parse(receiver, client_frame(2, b"a") + client_frame(2, b"b"))

    assert receiver.seen == [(2, b"a"), (2, b"b"), "batch of 14 done"]


async def test_the_end_of_the_stream_closes_the_transport() -> None:
    receiver = Receiver()
    parser = parse(receiver, b"")

    assert parser.eof_received() is False
    assert receiver.seen == ["eof"]


async def test_it_starts_with_a_small_buffer() -> None:
    parser = parse(Receiver(), b"")

    assert len(parser.get_buffer(-1)) <= READ_BUFFER_BYTES


async def test_its_buffer_does_not_grow_with_what_the_kernel_holds() -> None:
    """picows doubles it at each full read, so a flood of small frames took megabytes and stood still."""
    receiver = Receiver()

    parser = parse(receiver, client_frame(2, b"a") * 100_000)

    assert len(receiver.seen) == 100_000
    assert len(parser.get_buffer(-1)) <= READ_BYTES
    assert len(WSProtocol.get_buffer(parser, -1)) <= 4 * READ_BYTES


async def test_a_receiver_that_raises_is_logged_and_the_parser_goes_on(
    logged: Logged,
) -> None:
    receiver = Receiver()

    def fail(frame: WSFrame) -> None:
        receiver.on_frame = None
        raise ZeroDivisionError

    receiver.on_frame = fail
    parse(receiver, client_frame(2, b"a") + client_frame(2, b"b"))

    assert receiver.seen == [(2, b"a"), (2, b"b")]
    assert [line["where"] for line in logged] == ["frame"]


async def test_picows_itself_sends_and_closes_nothing() -> None:
    parser = parse(Receiver(), b"")
    mute = parser.transport.underlying_transport

    parser.transport.disconnect()
    parser.transport.disconnect(False)

    assert not hasattr(mute, "__dict__")
    assert mute.get_extra_info("peername", "none") == "none"
    assert SimpleNamespace(fd=mute.fileno()).fd == -1
