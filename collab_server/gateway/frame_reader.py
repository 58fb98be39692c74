"""From picows' frames to what they mean: a message, a ping, the remote's close. Knows no socket."""

from __future__ import annotations

from dataclasses import dataclass

from picows import WSFrame

from collab_server.gateway.control_frames import read_close
from collab_server.gateway.fragments import Message, MessageAssembler
from collab_server.gateway.picows_parser import CLOSE, PING, PONG
from collab_server.gateway.settings import GatewaySettings
from collab_server.gateway.violations import PROTOCOL_ERROR, FrameViolation


@dataclass(frozen=True, slots=True)
class Ping:
    """Wants a pong with the same payload."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class RemoteClose:
    """The remote's close frame; `code` is None where it gave none."""

    code: int | None


class FrameReader:
    """Reads the frames of one connection in their order."""

    __slots__ = ("_assembler",)

    def __init__(self, settings: GatewaySettings, *, keep_text: bool) -> None:
        self._assembler = MessageAssembler(
            max_bytes=settings.message_max_bytes,
            max_fragments=settings.message_max_fragments,
            keep_text=keep_text,
        )

    @property
    def is_idle(self) -> bool:
        """Whether no fragmented message is under way."""
        return self._assembler.is_idle

    def read(self, frame: WSFrame) -> Message | Ping | RemoteClose | None:
        """What this frame completes, if anything. Raises FrameViolation."""
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            raise FrameViolation(PROTOCOL_ERROR, "a reserved bit is set, and no extension was negotiated")
        kind = frame.msg_type
        payload = frame.get_payload_as_bytes()
        if kind is PING:
            return Ping(payload)
        if kind is PONG:
            return None
        if kind is CLOSE:
            return RemoteClose(read_close(payload))
        return self._assembler.feed(kind.value, payload, final=bool(frame.fin))
