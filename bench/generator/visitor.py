"""One reader of a large stored document: it counts and sums up what comes and keeps nothing, unless asked to.

Fifty clients that each joined the fragments of 50 MB would keep the generator's core for seconds, and the
class that is measured beside them would be measured wrong.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from array import array

import picows

from bench.generator.codec import read_var_bytes, read_var_uint, var_bytes
from bench.generator.deliveries import Arrivals
from bench.generator.dialects import SYNC_STEP_2, SYNC_UPDATE, Y_WEBSOCKET
from bench.generator.updates import EMPTY_UPDATE, Delta, keystroke, read_sections

_BINARY, _CONTINUATION = picows.WSMsgType.BINARY, picows.WSMsgType.CONTINUATION
_MAX_FRAME_BYTES = 256 << 20
#: Of a message this much is kept to look into: the visitors' own sections come first, then the document's.
_HEAD_BYTES = 4 << 20
#: Client ids of visitors, above those of the stored document.
FIRST_VISITOR = 4_200_000_000


class Visitor(picows.WSListener):
    """`keeps` says whether it keeps every update for `verify`. `synced_at` is a perf_counter time."""

    def __init__(self, client: int, *, keeps: bool = False) -> None:
        super().__init__()
        self.client = client
        self.synced = asyncio.get_running_loop().create_future()
        self.synced_at = 0.0
        self.step_2_bytes = 0
        self.step_2_sum = 0
        self.clock = 0
        self.sent: array[float] = array("d")
        self.arrivals = Arrivals(client)
        self.received = 0
        self.updates: list[bytes] = []
        self.lost_connection = False
        self.failure: BaseException | None = None
        self._keeps = keeps
        self._parts: list[bytes] = []
        self._size = 0
        self._sum = 0
        self._leaving = False
        self._transport: picows.WSTransport | None = None

    async def join(self, port: int, room: str) -> None:
        """Connect; `synced` tells when the document is there."""
        await picows.ws_connect(
            lambda: self,
            f"ws://127.0.0.1:{port}{Y_WEBSOCKET.path(room)}",
            websocket_handshake_timeout=60,
            max_frame_size=_MAX_FRAME_BYTES,
        )

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self._transport = transport
        for frame in Y_WEBSOCKET.opening(""):
            transport.send(_BINARY, frame)

    def type(self) -> None:
        """Send one character more than before."""
        assert self._transport is not None
        update = keystroke(self.client, self.clock)
        self.clock += 1
        self.sent.append(time.perf_counter())
        if self._keeps:
            self.updates.append(update)
        self._transport.send(_BINARY, SYNC_UPDATE + var_bytes(update))

    def leave(self) -> None:
        self._leaving = True
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    # -- what arrives ------------------------------------------------------------------------------

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type not in (_BINARY, _CONTINUATION):
            return
        payload = frame.get_payload_as_bytes()
        if self._keeps or self._size < _HEAD_BYTES:
            self._parts.append(payload)
        self._size += len(payload)
        self._sum = zlib.crc32(payload, self._sum)
        if frame.fin:
            try:
                self._message(b"".join(self._parts))
            except Exception as failure:
                self.failure = failure
                raise
            finally:
                self._parts, self._size, self._sum = [], 0, 0

    def _message(self, head: bytes) -> None:
        """`head` is at least the first `_HEAD_BYTES` of the message."""
        if head[0] != 0:
            return
        kind, at = read_var_uint(head, 1)
        if kind == 0:
            assert self._transport is not None
            self._transport.send(_BINARY, SYNC_STEP_2 + var_bytes(EMPTY_UPDATE))
            return
        if kind == 1 and not self.synced.done():
            self._step_2(head, at)
            return
        body, _ = read_var_bytes(head, at)
        if self._keeps:
            self.updates.append(body)
        # Not the deletions: a merged delta has all of the document's.
        self._take(Delta(read_sections(body, 0, least_client=FIRST_VISITOR)))

    def _step_2(self, head: bytes, at: int) -> None:
        self.synced_at = time.perf_counter()
        size, at = read_var_uint(head, at)
        if self._size != at + size:
            raise ValueError(f"a step 2 of {size} bytes has {self._size - at}")
        self.step_2_bytes, self.step_2_sum = size, self._sum
        if self._keeps:
            self.updates.append(head[at:])
        self._take(Delta(read_sections(head, at, least_client=FIRST_VISITOR)))
        self.synced.set_result(None)

    def _take(self, delta: Delta) -> None:
        visitors = Delta(tuple(run for run in delta.runs if run[0] >= FIRST_VISITOR))
        self.received += sum(end - start for _, start, end in self.arrivals.take(visitors))

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        if self._leaving:
            return
        self.lost_connection = True
        if not self.synced.done():
            self.synced.set_exception(ConnectionError("closed before the step 2"))
            # Nobody may be waiting for this one; the flag above tells.
            self.synced.exception()
