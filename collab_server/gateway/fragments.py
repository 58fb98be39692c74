"""Putting messages together from WebSocket frames (RFC 6455 §5.4): the rules and the caps. Pure.

Takes unmasked data frames in their order; control frames never come here. Text is kept and checked only where
somebody wants it.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from collab_server.gateway.violations import INVALID_TEXT, PROTOCOL_ERROR, TOO_BIG, FrameViolation

CONTINUATION = 0x0
TEXT = 0x1
BINARY = 0x2


@dataclass(frozen=True, slots=True)
class Message:
    """One complete message. The payload of a text message is empty where text is not kept."""

    is_text: bool
    payload: bytes


class MessageAssembler:
    """The message that is under way on one connection, if any."""

    __slots__ = (
        "_bytes",
        "_decoder",
        "_fragments",
        "_is_text",
        "_keep_text",
        "_max_bytes",
        "_max_fragments",
        "_size",
    )

    def __init__(self, *, max_bytes: int, max_fragments: int, keep_text: bool = False) -> None:
        self._max_bytes = max_bytes
        self._max_fragments = max_fragments
        self._keep_text = keep_text
        self._bytes: bytearray | None = None
        self._decoder: codecs.IncrementalDecoder | None = None
        self._is_text = False
        self._fragments = 0
        self._size = 0

    @property
    def is_idle(self) -> bool:
        """Whether no message is under way."""
        return self._bytes is None

    def feed(self, opcode: int, payload: bytes, *, final: bool) -> Message | None:
        """Add one data frame; the message, if it is complete now. Raises FrameViolation."""
        if opcode == CONTINUATION:
            self._require_started()
        else:
            self._start(opcode)
        self._add(payload, final=final)
        return self._finish() if final else None

    def _require_started(self) -> None:
        if self._bytes is None:
            raise FrameViolation(PROTOCOL_ERROR, "a continuation without a beginning")

    def _start(self, opcode: int) -> None:
        if self._bytes is not None:
            raise FrameViolation(PROTOCOL_ERROR, "a new message inside a fragmented one")
        self._bytes = bytearray()
        self._is_text = opcode == TEXT
        self._fragments = 0
        self._size = 0
        if self._is_text and self._keep_text:
            self._decoder = codecs.getincrementaldecoder("utf-8")("strict")

    def _add(self, payload: bytes, *, final: bool) -> None:
        self._fragments += 1
        self._size += len(payload)
        if self._size > self._max_bytes:
            raise FrameViolation(TOO_BIG, f"a message of more than {self._max_bytes} bytes")
        if self._fragments > self._max_fragments:
            raise FrameViolation(TOO_BIG, f"a message in more than {self._max_fragments} fragments")
        if self._decoder is not None:
            self._check_text(self._decoder, payload, final=final)
        if self._bytes is not None and (self._keep_text or not self._is_text):
            self._bytes += payload

    def _check_text(self, decoder: codecs.IncrementalDecoder, payload: bytes, *, final: bool) -> None:
        try:
            decoder.decode(payload, final)
        except UnicodeDecodeError:
            raise FrameViolation(INVALID_TEXT, "text that is not UTF-8") from None

    def _finish(self) -> Message:
        message = Message(self._is_text, bytes(self._bytes or b""))
        self._bytes = None
        self._decoder = None
        return message
