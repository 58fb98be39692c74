"""Putting messages together from WebSocket frames (RFC 6455 §5.4): the rules and the caps. Pure.

Takes unmasked data frames in their order; control frames never come here. Text is kept and checked only where
somebody wants it.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from collab_server.errors import RemoteError

CONTINUATION = 0x0
TEXT = 0x1
BINARY = 0x2

#: Close codes of RFC 6455 §7.4.1 that an endpoint may put on the wire (1004–1006 and 1015 may not).
_DEFINED_CLOSE_CODES = frozenset((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014))

PROTOCOL_ERROR = 1002
INVALID_TEXT = 1007
TOO_BIG = 1009


class FrameViolation(RemoteError):
    """Frames that no conforming client sends, or that pass a cap. `code` is the close code to answer with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


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


def read_close(payload: bytes) -> int | None:
    """The code in the payload of a close frame, None if it has none. Raises FrameViolation."""
    if not payload:
        return None
    if len(payload) == 1:
        raise FrameViolation(PROTOCOL_ERROR, "a close frame with half a code")
    code = int.from_bytes(payload[:2], "big")
    if not is_close_code(code):
        raise FrameViolation(PROTOCOL_ERROR, "a close code that must not be sent")
    try:
        payload[2:].decode("utf-8")
    except UnicodeDecodeError:
        raise FrameViolation(INVALID_TEXT, "a close reason that is not UTF-8") from None
    return code


def is_close_code(code: int) -> bool:
    """Whether `code` may stand in a close frame (RFC 6455 §7.4)."""
    return code in _DEFINED_CLOSE_CODES or 3000 <= code <= 4999


def close_payload(code: int, reason: str = "") -> bytes:
    """Payload of a close frame; the reason is cut to 123 bytes at the end of a character."""
    if not is_close_code(code):
        raise ValueError(f"close code {code} must not be sent")
    text = reason.encode("utf-8", "replace")[:123].decode("utf-8", "ignore")
    return code.to_bytes(2, "big") + text.encode("utf-8")


def control_frame(opcode: int, payload: bytes = b"") -> bytes:
    """A server's control frame (RFC 6455 §5.5) with at most 125 bytes of payload."""
    return bytes((0x80 | opcode, len(payload))) + payload
