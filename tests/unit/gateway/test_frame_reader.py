"""From frames to events, with frames made by picows."""

from __future__ import annotations

import pytest
from picows import WSFrame, WSMsgType
from picows.picows import _make_test_ws_frame

from collab_server.gateway.fragments import Message
from collab_server.gateway.frame_reader import FrameReader, Ping, RemoteClose
from collab_server.gateway.settings import GatewaySettings
from collab_server.gateway.violations import PROTOCOL_ERROR, FrameViolation


def frame(kind: WSMsgType, payload: bytes = b"", *, fin: bool = True, rsv1: bool = False) -> WSFrame:
    return _make_test_ws_frame(kind, payload, fin, rsv1)


@pytest.fixture
def reader() -> FrameReader:
    return FrameReader(GatewaySettings(), keep_text=False)


def test_each_kind_of_frame(reader: FrameReader) -> None:
    assert reader.read(frame(WSMsgType.BINARY, b"a")) == Message(False, b"a")
    assert reader.read(frame(WSMsgType.TEXT, b"a")) == Message(True, b"")
    assert reader.read(frame(WSMsgType.PING, b"a")) == Ping(b"a")
    assert reader.read(frame(WSMsgType.PONG, b"a")) is None
    assert reader.read(frame(WSMsgType.CLOSE, b"\x0f\xa0")) == RemoteClose(4000)
    assert reader.read(frame(WSMsgType.CLOSE)) == RemoteClose(None)


def test_control_frames_may_come_between_fragments(reader: FrameReader) -> None:
    assert reader.read(frame(WSMsgType.BINARY, b"a", fin=False)) is None
    assert not reader.is_idle
    assert reader.read(frame(WSMsgType.PING, b"p")) == Ping(b"p")
    assert reader.read(frame(WSMsgType.PONG)) is None
    assert reader.read(frame(WSMsgType.CONTINUATION, b"b")) == Message(False, b"ab")
    assert reader.is_idle


def test_reserved_bits_are_refused(reader: FrameReader) -> None:
    """Without an extension they must be 0; a client that compresses unasked sets the first."""
    with pytest.raises(FrameViolation) as caught:
        reader.read(frame(WSMsgType.BINARY, b"a", rsv1=True))
    assert caught.value.code == PROTOCOL_ERROR
