"""Histories as the generators print them, decoded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from collab_server.types import ClockRange, StateVector
from tests.oracle.judge import bytes_of, generate


@dataclass(frozen=True, slots=True)
class History:
    """`log` are the updates in causal order, `resent` overlap them; the rest is what Yjs makes of the log.

    `text` is the digest of all that is visible, `loose` the same without lone surrogates in JSON.
    """

    seed: int
    log: list[bytes]
    resent: list[bytes]
    state: StateVector
    deleted: dict[int, list[ClockRange]]
    text: str
    loose: str
    kinds: frozenset[str]


def yjs_histories(first: int, count: int, *, portable: bool = False) -> Iterator[History]:
    """Histories by Yjs clients; `portable` ones hold only what Yrs carries too."""
    profile = ("portable",) if portable else ()
    for found in generate("histories.mjs", first, count, *profile):
        yield _history(found)


def by_client(ranges: list[list[int]]) -> dict[int, list[ClockRange]]:
    found: dict[int, list[ClockRange]] = {}
    for client, start, end in ranges:
        found.setdefault(client, []).append((client, start, end))
    return found


def _history(found: dict[str, Any]) -> History:
    return History(
        seed=found["seed"],
        log=[bytes_of(update) for update in found["log"]],
        resent=[bytes_of(update) for update in found["resent"]],
        state={int(client): clock for client, clock in found["state"].items()},
        deleted=by_client(found["deleted"]),
        text=found["text"],
        loose=found["loose"],
        kinds=frozenset(found["kinds"]),
    )
