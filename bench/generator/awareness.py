"""Awareness frames: what a client announces, what it learns from others, what it sends back.

A stock client (`y-protocols` with `y-websocket` or the Hocuspocus provider) sends every foreign entry that
was news to it back to the server, because its provider listens to every awareness change whatever its
origin. The generator does the same, so that a server pays what it would pay in a real class.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from bench.generator.codec import read_var_bytes, read_var_uint, var_bytes, var_string, var_uint

MESSAGE_AWARENESS = b"\x01"


class Entry(NamedTuple):
    """One client's state in a frame. `data` is the entry as it came; `gone` means its state is `null`."""

    client: int
    clock: int
    gone: bool
    data: bytes


def state_json(client: int, clock: int) -> str:
    """A cursor with a name and a colour, as editors' cursor plug-ins write it (about 260 bytes)."""
    position = {
        "type": None,
        "tname": "text",
        "item": {"client": client, "clock": clock},
        "assoc": 0,
    }
    user = {"name": f"Student {client % 1000}", "color": "#30bced", "colorLight": "#30bced33"}
    state = {"user": user, "cursor": {"anchor": position, "head": position}}
    return json.dumps(state, separators=(",", ":"))


def entry(client: int, clock: int, state: str) -> bytes:
    return var_uint(client) + var_uint(clock) + var_string(state)


def message(entries: list[bytes]) -> bytes:
    """The y-websocket message (type 1) around whole entries."""
    return MESSAGE_AWARENESS + var_bytes(var_uint(len(entries)) + b"".join(entries))


def read_entries(body: bytes) -> tuple[Entry, ...]:
    """Entries of the awareness update inside a type 1 message."""
    count, at = read_var_uint(body, 0)
    entries = []
    for _ in range(count):
        start = at
        client, at = read_var_uint(body, at)
        clock, at = read_var_uint(body, at)
        state, at = read_var_bytes(body, at)
        entries.append(Entry(client, clock, state == b"null", body[start:at]))
    return tuple(entries)


def news(entries: tuple[Entry, ...], known: dict[int, int]) -> list[Entry]:
    """Entries that `known` (client id → clock) did not have; `known` is brought up to date.

    The hot path of a big room: three hundred clients learn three hundred entries with each broadcast.

    As `applyAwarenessUpdate` of y-protocols: a higher clock is news. Its second rule (an equal clock with a
    `null` state) does not occur here, as no client of a workload leaves before the end.
    """
    get = known.get
    fresh = [item for item in entries if get(item[0], -1) < item[1]]
    known.update([item[:2] for item in fresh])
    return fresh
