"""One simulated stock client on one WebSocket: greets, answers, echoes, notes what arrives and when.

The hot path is `on_ws_frame`: one timestamp, one look-up, two array appends for an update.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from dataclasses import dataclass

import picows

from bench.generator.awareness import Entry, entry, message, news, state_json
from bench.generator.codec import var_bytes
from bench.generator.dialects import SYNC_STEP_2, SYNC_UPDATE, Dialect
from bench.generator.hub import FrameKind, Hub, Known
from bench.generator.replicas import Replica

_BINARY = picows.WSMsgType.BINARY
_MAX_FRAME_BYTES = 256 << 20
_HANDSHAKE_SECONDS = 60.0
#: Connections from one loopback address; more would run into the ephemeral ports still in TIME_WAIT.
_CLIENTS_PER_ADDRESS = 4000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a client joins, and as whom."""

    port: int
    dialect: Dialect
    room: str
    client: int


class Client(picows.WSListener):
    """One participant. `times` (perf_counter seconds) and `batches` tell when which update arrived."""

    def __init__(self, place: Place, hub: Hub, replica: Replica, *, echoes: bool = False) -> None:
        super().__init__()
        self.place = place
        self.hub = hub
        self.replica = replica
        self.echoes = echoes
        self.synced = asyncio.get_running_loop().create_future()
        self.synced_at = 0.0
        self.times: array[float] = array("d")
        self.batches: array[int] = array("I")
        self.known_states: dict[int, int] = {}
        self.states_learnt = 0
        self.learnt: list[tuple[float, list[Entry]]] = []
        self.frames_received = 0
        self.frames_sent = 0
        self.leaving = False
        self._prefix = place.dialect.prefix(place.room)
        self._prefix_size = len(self._prefix)
        self._fragments: list[bytes] = []
        self._transport: picows.WSTransport | None = None

    # -- what the client says ----------------------------------------------------------------------

    def send(self, payload: bytes) -> None:
        """Send one frame that already has the dialect's prefix."""
        assert self._transport is not None
        self._transport.send(_BINARY, payload)
        self.frames_sent += 1

    def send_update(self, update: bytes) -> None:
        self.send(self._prefix + SYNC_UPDATE + var_bytes(update))

    def announce(self, clock: int) -> None:
        """Announce a new state of this client (the first one when it opens the room)."""
        times = self.hub.announce_times.setdefault(self.place.client, array("d"))
        number = len(times) + 1
        data = entry(self.place.client, number, state_json(self.place.client, clock))
        self.known_states[self.place.client] = number
        times.append(time.perf_counter())
        self.send(self._prefix + message([data]))

    # -- what arrives ------------------------------------------------------------------------------

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self._transport = transport
        for frame in self.place.dialect.opening(self.place.room):
            self.send(frame)
        if self.echoes:
            self.announce(0)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        now = time.perf_counter()
        if frame.msg_type is not _BINARY or not frame.fin:
            self._uncommon(frame, now)
            return
        self._message(frame.get_payload_as_bytes(), now)

    def _message(self, payload: bytes, now: float) -> None:
        self.frames_received += 1
        try:
            known = self.hub.understand(payload, self._prefix_size)
            kind = known.kind
            if kind is FrameKind.UPDATE:
                self.times.append(now)
                self.batches.append(known.batch)
            elif kind is FrameKind.AWARENESS:
                self._awareness(known, now)
            elif kind is FrameKind.STEP_2:
                self._step_2(known, now)
            elif kind is FrameKind.STEP_1:
                self._step_1(known)
        except Exception as failure:
            self.hub.failure = self.hub.failure or failure
            raise

    def _awareness(self, known: Known, now: float) -> None:
        fresh = news(known.entries, self.known_states)
        if not fresh:
            return
        self.states_learnt += len(fresh)
        self.learnt.append((now, fresh))
        if not self.echoes:
            return
        whole = len(fresh) == len(known.entries)
        self.send(known.payload if whole else self._prefix + message([item.data for item in fresh]))

    def _step_2(self, known: Known, now: float) -> None:
        self.times.append(now)
        self.batches.append(known.batch)
        self.replica.synced()
        if not self.synced.done():
            self.synced_at = now
            self.synced.set_result(None)

    def _step_1(self, known: Known) -> None:
        update = self.replica.answer(dict(known.state_vector))
        self.send(self._prefix + SYNC_STEP_2 + var_bytes(update))

    def _uncommon(self, frame: picows.WSFrame, now: float) -> None:
        """Fragments and control frames. Pings are answered by picows before they come here."""
        kind = frame.msg_type
        if kind in (_BINARY, picows.WSMsgType.CONTINUATION):
            self._fragments.append(frame.get_payload_as_bytes())
            if frame.fin:
                payload = b"".join(self._fragments)
                self._fragments.clear()
                self._message(payload, now)
        elif kind is picows.WSMsgType.CLOSE and self._transport is not None:
            self._transport.send_close(frame.get_close_code())
            self._transport.disconnect()

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        if self.leaving:
            return
        self.hub.disconnects += 1
        if not self.synced.done():
            self.synced.set_exception(ConnectionError("closed before the first step 2"))
            # Nobody may be waiting for this one; the count above tells.
            self.synced.exception()

    def leave(self) -> None:
        self.leaving = True
        if self._transport is not None:
            self._transport.disconnect(graceful=False)


async def join(client: Client, number: int = 0) -> Client:
    """Connect `client`; it is not synced yet then. `number` spreads clients over source addresses."""
    place = client.place
    await picows.ws_connect(
        lambda: client,
        f"ws://127.0.0.1:{place.port}{place.dialect.path(place.room)}",
        websocket_handshake_timeout=_HANDSHAKE_SECONDS,
        max_frame_size=_MAX_FRAME_BYTES,
        read_buffer_init_size=2048,
        local_addr=(f"127.0.0.{2 + number // _CLIENTS_PER_ADDRESS}", 0),
    )
    return client


async def join_all(clients: list[Client], *, at_once: int) -> None:
    """Connect all, `at_once` of them at a time, and wait until each is synced."""
    gate = asyncio.Semaphore(at_once)

    async def one(number: int, client: Client) -> None:
        async with gate:
            await join(client, number)
            await client.synced

    async with asyncio.TaskGroup() as group:
        for number, client in enumerate(clients):
            group.create_task(one(number, client), name=f"join {number}")


async def quiet(clients: list[Client], *, still_seconds: float, limit_seconds: float) -> bool:
    """Wait until no update or awareness frame came for `still_seconds`; False if the limit came first."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limit_seconds
    before, since = _received(clients), loop.time()
    while loop.time() < deadline:
        await asyncio.sleep(0.05)
        now = _received(clients)
        if now != before:
            before, since = now, loop.time()
        elif loop.time() - since >= still_seconds:
            return True
    return False


def _received(clients: list[Client]) -> int:
    return sum(client.frames_received for client in clients)
