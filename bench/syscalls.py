"""What one `send` and one read of a small frame cost here, and the least a workload can cost because of them.

Measured on the server's core, with the other end in a process on the generator's core that sleeps in epoll
between rounds, as the clients of a class do. `python -m bench.syscalls SERVER_CORE GENERATOR_CORE` prints
the two costs.
"""

from __future__ import annotations

import json
import os
import select
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

from bench.plan import Workload
from bench.processes import Cores

_SOCKETS = 100
_ROUNDS = 100
_FRAME = b"x" * 100
_PAUSE_SECONDS = 0.004

#: The longest flush window that leaves the p99 at 50 ms.
WINDOW_SECONDS = 0.050


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU µs of one `send` of a small frame, and of one read with its share of `epoll_wait`."""

    send_us: float
    read_us: float


def measure(cores: Cores) -> Costs:
    """Measure in a process of its own, pinned like a server under test."""
    arguments = ["-" if core is None else str(core) for core in (cores.server, cores.generator)]
    command = [sys.executable, "-m", "bench.syscalls", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return Costs(**json.loads(done.stdout))


def least_us(workload: Workload, costs: Costs) -> float | None:
    """Least CPU µs per delivered edit (where states prevail, per learnt state), or None if not defined.

    One `send` per client and window, or per edit where edits are rarer than windows; one read per frame
    that stock clients send: edits, cursors, and an echo for each frame with awareness that they got.
    """
    if workload.kind != "typing":
        return None
    share_of_others = (workload.clients_per_room - 1) / workload.clients_per_room
    foreign = workload.edits_per_second * workload.typists_per_room * share_of_others
    writes = min(foreign, 1 / WINDOW_SECONDS) * workload.clients
    edits = workload.edits_per_second * workload.typists_per_room * workload.rooms
    reads = edits * (2 if workload.cursor_with_edit else 1) + workload.awareness_per_second * workload.clients
    if workload.echoes:
        reads += workload.clients * min(1 / WINDOW_SECONDS, workload.awareness_per_second or foreign)
    return (writes * costs.send_us + reads * costs.read_us) / _unit_per_second(workload)


def _unit_per_second(workload: Workload) -> float:
    """Deliveries per second that the cost is divided by: learnt states in `presence`, else edits."""
    others = workload.clients_per_room - 1
    if workload.awareness_per_second:
        return workload.awareness_per_second * workload.clients * others
    return workload.edits_per_second * workload.typists_per_room * others * workload.rooms


# -- in the measuring process --------------------------------------------------------------------------


def _pin(argument: str) -> None:
    if argument != "-":
        os.sched_setaffinity(0, {int(argument)})


def _far_end(port: int, turn: socket.socket) -> None:
    """The clients: read all that comes; then send one frame on each socket whenever told."""
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(_SOCKETS)]
    for client in sockets:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    poll = select.epoll()
    for client in sockets:
        poll.register(client, select.EPOLLIN)
    by_number = {client.fileno(): client for client in sockets}
    left = _SOCKETS * _ROUNDS * len(_FRAME)
    while left:
        for number, _ in poll.poll():
            left -= len(by_number[number].recv(4096))
    for _ in range(_ROUNDS):
        turn.recv(1)
        for client in sockets:
            client.send(_FRAME)
        turn.send(b".")
    turn.recv(1)


def _send_cost(sockets: list[socket.socket]) -> float:
    rounds = []
    for _ in range(_ROUNDS):
        time.sleep(_PAUSE_SECONDS)
        before = time.thread_time()
        for client in sockets:
            client.send(_FRAME)
        rounds.append(time.thread_time() - before)
    return statistics.median(rounds) / _SOCKETS * 1e6


def _read_cost(sockets: list[socket.socket], turn: socket.socket) -> float:
    poll = select.epoll()
    for client in sockets:
        client.setblocking(False)
        poll.register(client, select.EPOLLIN)
    by_number = {client.fileno(): client for client in sockets}
    buffer = bytearray(4096)
    rounds = []
    for _ in range(_ROUNDS):
        turn.send(b".")
        turn.recv(1)
        before, left = time.thread_time(), _SOCKETS
        while left:
            for number, _ in poll.poll(maxevents=_SOCKETS):
                by_number[number].recv_into(buffer)
                left -= 1
        rounds.append(time.thread_time() - before)
    return statistics.median(rounds) / _SOCKETS * 1e6


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=_SOCKETS)
    near, far = socket.socketpair()
    child = os.fork()
    if child == 0:
        _pin(sys.argv[2])
        _far_end(listener.getsockname()[1], far)
        os._exit(0)
    _pin(sys.argv[1])
    sockets = [listener.accept()[0] for _ in range(_SOCKETS)]
    for client in sockets:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    costs = {"send_us": _send_cost(sockets), "read_us": _read_cost(sockets, near)}
    near.send(b".")
    os.waitpid(child, 0)
    print(json.dumps(costs))


if __name__ == "__main__":
    main()
