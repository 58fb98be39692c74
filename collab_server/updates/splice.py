"""Writing updates: runs and deletions in the one order that every client stores well.

Owns the canonical form (clients descending, each once, no gap, deletions sorted and merged) and the looser
one with gaps for what is held. Knows no document.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from collab_server.types import ClockRange, StateVector
from collab_server.updates.content import SKIP
from collab_server.updates.refusal import malformed, too_large
from collab_server.updates.run import Run
from collab_server.updates.trim import drop_before
from collab_server.updates.varint import client_varint, read_varint, varint

NO_DELETES = b"\x00"
_MAX_STATE_CLIENTS = 100_000


def encode_update(runs: Sequence[Run], deletes: Sequence[ClockRange]) -> bytes:
    """One update of runs and deletions.

    The runs of one client must follow each other in the order given and without a gap; deletions may overlap.
    """
    if len(runs) == 1:
        run = runs[0]
        head = b"\x01" + varint(run.count) + client_varint(run.client) + varint(run.clock)
        return head + run.data + (encode_deletes(deletes) if deletes else NO_DELETES)
    sections: dict[int, list[Run]] = {}
    for run in runs:
        sections.setdefault(run.client, []).append(run)
    parts = [varint(len(sections))]
    for client in sorted(sections, reverse=True):
        section = sections[client]
        parts += (
            varint(sum([run.count for run in section])),
            client_varint(client),
            varint(section[0].clock),
        )
        parts += [run.data for run in section]
    parts.append(encode_deletes(deletes))
    return b"".join(parts)


def encode_structs(structs: Iterable[Run]) -> bytes:
    """Held runs as one update: gaps become Skip, what is there twice is written once."""
    sections: dict[int, list[Run]] = {}
    for run in structs:
        sections.setdefault(run.client, []).append(run)
    parts = [varint(len(sections))]
    for client in sorted(sections, reverse=True):
        parts += _section_with_gaps(client, sections[client])
    parts.append(NO_DELETES)
    return b"".join(parts)


def _section_with_gaps(client: int, runs: Sequence[Run]) -> list[bytes]:
    runs = sorted(runs, key=lambda run: run.clock)
    clock = first = runs[0].clock
    count = 0
    body: list[bytes] = []
    for run in runs:
        if run.end <= clock:
            continue
        if run.clock > clock:
            body.append(bytes((SKIP,)) + varint(run.clock - clock))
            count += 1
        elif run.clock < clock:
            run = drop_before(run, clock)
        body.append(run.data)
        count += run.count
        clock = run.end
    return [varint(count), client_varint(client), varint(first), *body]


def encode_deletes(deletes: Sequence[ClockRange]) -> bytes:
    """The deletions at the end of an update, none of them empty."""
    if len(deletes) == 1:
        client, start, end = deletes[0]
        return b"\x01" + client_varint(client) + b"\x01" + varint(start) + varint(end - start)
    by_client: dict[int, list[tuple[int, int]]] = {}
    for client, start, end in deletes:
        by_client.setdefault(client, []).append((start, end))
    parts = [varint(len(by_client))]
    parts += [
        encode_ranges(client, merge_ranges(by_client[client])) for client in sorted(by_client, reverse=True)
    ]
    return b"".join(parts)


def encode_ranges(client: int, ranges: Sequence[tuple[int, int]]) -> bytes:
    """The deletions of one client, sorted and merged before."""
    parts = [client_varint(client), varint(len(ranges))]
    for start, end in ranges:
        parts += (varint(start), varint(end - start))
    return b"".join(parts)


def merge_ranges(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Half-open ranges sorted, those that overlap or touch made one."""
    ranges.sort()
    merged = [ranges[0]]
    for start, end in ranges:
        before, last = merged[-1]
        if start > last:
            merged.append((start, end))
        elif end > last:
            merged[-1] = (before, end)
    return merged


def encode_state_vector(state: StateVector) -> bytes:
    """A state vector as step 1 carries it, higher client ids first."""
    parts = [varint(len(state))]
    for client in sorted(state, reverse=True):
        parts += (client_varint(client), varint(state[client]))
    return b"".join(parts)


def decode_state_vector(data: bytes, max_clients: int = _MAX_STATE_CLIENTS) -> StateVector:
    """The state vector of a step 1. Raises InvalidUpdate for anything else."""
    try:
        state, pos = read_state_vector(data, 0, max_clients)
    except IndexError:
        raise malformed("the state vector ends too early") from None
    if pos != len(data):
        raise malformed("something follows the state vector")
    return state


def read_state_vector(data: bytes, pos: int, max_clients: int) -> tuple[StateVector, int]:
    """A state vector at `pos` and the position after it. Raises IndexError at the end of the data."""
    count, pos = read_varint(data, pos)
    if 2 * count > len(data) - pos:
        raise malformed("more clients than bytes")
    if count > max_clients:
        raise too_large(f"a state vector of more than {max_clients} clients")
    state: StateVector = {}
    for _ in range(count):
        client, pos = read_varint(data, pos)
        state[client], pos = read_varint(data, pos)
    if len(state) != count:
        raise malformed("a client twice")
    return state, pos
