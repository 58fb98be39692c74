"""How a client opens a room and wraps its messages: y-websocket, or Hocuspocus with its document name.

Owns the differences between the two wire protocols and nothing else. Sources: `y-websocket` 3.1 (`setupWS`),
`@hocuspocus/provider` 3.4.4 (`onOpen`, `sendToken`, `startSync`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from bench.generator.codec import var_bytes, var_string

SYNC_STEP_1 = b"\x00\x00"
SYNC_STEP_2 = b"\x00\x01"
SYNC_UPDATE = b"\x00\x02"
EMPTY_STATE_VECTOR = b"\x00"


@dataclass(frozen=True, slots=True)
class Dialect:
    """`path` of the socket for a room, `prefix` before each message, `greeting` sent when it opens."""

    name: str
    path: Callable[[str], str]
    prefix: Callable[[str], bytes]
    greeting: tuple[bytes, ...]

    def opening(self, room: str) -> list[bytes]:
        """Frames that a client with an empty document sends first."""
        prefix = self.prefix(room)
        step1 = SYNC_STEP_1 + var_bytes(EMPTY_STATE_VECTOR)
        return [prefix + message for message in (*self.greeting, step1)]


Y_WEBSOCKET = Dialect(
    name="y-websocket",
    path=lambda room: "/" + quote(room),
    prefix=lambda _room: b"",
    greeting=(),
)

#: Authentication (type 2, kind 0) with an empty token comes before the first sync message.
HOCUSPOCUS = Dialect(
    name="hocuspocus",
    path=lambda _room: "/",
    prefix=var_string,
    greeting=(b"\x02\x00" + var_string(""),),
)

DIALECTS = {dialect.name: dialect for dialect in (Y_WEBSOCKET, HOCUSPOCUS)}
