"""Control frames (RFC 6455 §5.5) as bytes: close codes and reasons, pings and pongs. Pure."""

from __future__ import annotations

from collab_server.gateway.violations import INVALID_TEXT, PROTOCOL_ERROR, FrameViolation

CLOSE = 0x8
PING = 0x9
PONG = 0xA

#: Close codes of RFC 6455 §7.4.1 that an endpoint may put on the wire (1004–1006 and 1015 may not).
_DEFINED_CLOSE_CODES = frozenset((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014))


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
