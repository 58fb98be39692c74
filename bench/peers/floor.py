"""The floor: a bare picows relay without any CRDT.

Every sync update and awareness frame goes to the room's others, each by itself, except an awareness frame
that the room relayed a moment ago: that is a stock client's echo.

Answers a step 1 with an empty step 2 (in the room `storm` with the update in the file given by
`--document`), so that clients become synced. What it costs is what the sockets cost; no server that sends
the same frames can cost less.
"""

from __future__ import annotations

import argparse
import resource
from pathlib import Path

import picows
import uvloop

_BINARY = picows.WSMsgType.BINARY
_DOCUMENT_PATH = b"/storm"
_RECENT_FRAMES = 8192
_EMPTY_STEP_2 = b"\x00\x01\x02\x00\x00"


def _var_uint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


class Room:
    """The connections of a room and the awareness frames it relayed last, as an ordered set."""

    def __init__(self) -> None:
        self.members: set[picows.WSTransport] = set()
        self._recent: dict[bytes, None] = {}

    def is_echo(self, payload: bytes) -> bool:
        """Whether this very frame was relayed lately; remembers it if not."""
        if payload in self._recent:
            return True
        self._recent[payload] = None
        if len(self._recent) > _RECENT_FRAMES:
            del self._recent[next(iter(self._recent))]
        return False


class Member(picows.WSListener):
    """One connection."""

    def __init__(self, room: Room, step_2: bytes) -> None:
        super().__init__()
        self._room = room
        self._members = room.members
        self._step_2 = step_2

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self._members.add(transport)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type is not _BINARY:
            return
        payload = frame.get_payload_as_bytes()
        if payload[:2] == b"\x00\x00":
            transport.send(_BINARY, self._step_2)
        elif payload[:2] == b"\x00\x02" or (payload[:1] == b"\x01" and not self._room.is_echo(payload)):
            for member in self._members:
                if member is not transport:
                    member.send(_BINARY, payload)

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        self._members.discard(transport)


async def serve(port: int, step_2: bytes) -> None:
    rooms: dict[bytes, Room] = {}

    def accept(request: picows.WSUpgradeRequest) -> Member:
        reply = step_2 if request.path == _DOCUMENT_PATH else _EMPTY_STEP_2
        return Member(rooms.setdefault(request.path, Room()), reply)

    server = await picows.ws_create_server(
        accept,
        "127.0.0.1",
        port,
        read_buffer_init_size=2048,
        max_frame_size=64 << 20,
        backlog=1024,
        # aiofastnet's transport costs no less CPU here and 5.5 kB more for each connection.
        use_aiofastnet=False,
    )
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--document", type=Path)
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    step_2 = _EMPTY_STEP_2
    if options.document:
        update = options.document.read_bytes()
        step_2 = b"\x00\x01" + _var_uint(len(update)) + update
    uvloop.run(serve(options.port, step_2))


if __name__ == "__main__":
    main()
