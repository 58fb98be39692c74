"""What goes through the pipes between the server and its worker processes: frames, bounded both ways.

A frame is two lengths (big-endian, 32 bits), a head (a JSON object) and an attachment (bytes). Larger
attachments go through a file that the head names. Owns the bytes; knows neither processes nor jobs.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import TypeAlias

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

MAX_HEAD_BYTES = 1 << 20
#: Attachments over this go through a file.
MAX_INLINE_BYTES = 1 << 20
#: The most that a file may hold, in either direction.
MAX_FILE_BYTES = 256 << 20

_LENGTHS = struct.Struct(">II")
LENGTHS_BYTES = _LENGTHS.size


class BadFrame(Exception):
    """These bytes are no frame, or this would be none: the other side is broken, or the caller."""


def encode_frame(head: Mapping[str, JSON], data: bytes = b"") -> bytes:
    """One frame. Raises BadFrame if it is over the limits or no JSON."""
    try:
        text = json.dumps(head, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadFrame(f"the head cannot be written as JSON: {type(error).__name__}") from error
    _check(len(text), len(data))
    return _LENGTHS.pack(len(text), len(data)) + text + data


def decode_lengths(raw: bytes) -> tuple[int, int]:
    """Lengths of head and attachment from the first `LENGTHS_BYTES` of a frame. Raises BadFrame."""
    try:
        head, data = _LENGTHS.unpack(raw)
    except struct.error as error:
        raise BadFrame("a frame begins with two lengths") from error
    _check(head, data)
    return head, data


def decode_head(raw: bytes) -> dict[str, JSON]:
    """The head of a frame. Raises BadFrame."""
    try:
        head = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadFrame("the head is no JSON") from error
    if not isinstance(head, dict):
        raise BadFrame("the head is no object")
    return head


def _check(head: int, data: int) -> None:
    if head > MAX_HEAD_BYTES:
        raise BadFrame(f"a head of {head} bytes; {MAX_HEAD_BYTES} are allowed")
    if data > MAX_INLINE_BYTES:
        raise BadFrame(f"an attachment of {data} bytes; {MAX_INLINE_BYTES} are allowed")
