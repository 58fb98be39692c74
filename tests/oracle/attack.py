"""Mutants of honest updates, as far as the engine lets them pass, together with honest edits in one delta."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from collab_server.errors import InvalidUpdate
from collab_server.updates import Update, scan
from tests.oracle.judge import Answer, Request, bytes_of, generate, text_of
from tests.oracle.model import Delta, Document
from tests.oracle.mutate import mutate

MUTANTS_PER_BASE = 50


@dataclass(slots=True)
class Base:
    """A document under attack: what the server has, what could come next, and edits by an honest client."""

    seed: int
    document: Document
    next: list[bytes]
    honest: Update
    honest_clocks: list[dict[str, Any]]

    @property
    def honest_client(self) -> int:
        return int(self.honest_clocks[0]["client"])


@dataclass(slots=True)
class Tally:
    """How many mutants were made, refused by whom and why, and how many reached Yjs."""

    made: int = 0
    judged: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    nothing_new: int = 0
    held: int = 0
    released: int = 0
    unsettled: int = 0


def bases(first: int, count: int) -> Iterator[Base]:
    for found in generate("bases.mjs", first, count):
        document = Document()
        for update in found["base"]:
            document.receive(bytes_of(update))
        updates = [bytes_of(update) for update in found["next"]]
        honest = scan(bytes_of(found["update"]))
        yield Base(found["seed"], document, updates, honest, found["honest"])


def attack(base: Base, tally: Tally) -> Iterator[Request]:
    """Mutants of one base; a question for the judge about each one of which something would be relayed."""
    random = Random(base.seed)
    whole = text_of(base.document.whole()) if base.document.index.state else ""
    for _ in range(MUTANTS_PER_BASE):
        data = mutate(random, random.choice(base.next), random.choice(base.next))
        tally.made += 1
        try:
            update = scan(data)
        except InvalidUpdate as error:
            tally.refused[error.reason.value] += 1
            continue
        request = _question(base, update, random, tally)
        if request is not None:
            yield request | {"base": whole, "mutant": data.hex(), "seed": base.seed}


def _question(base: Base, update: Update, random: Random, tally: Tally) -> Request | None:
    document = base.document.fork()
    claims = any(run.client == base.honest_client for run in update.structs)
    # Who may claim whose clocks is for the room to decide: here the owner comes first.
    honest_first = claims or random.random() < 0.5
    taken = [
        document.take(part) for part in ((base.honest, update) if honest_first else (update, base.honest))
    ]
    tally.held += bool(document.held)
    if not taken[honest_first] and not document.held:
        tally.nothing_new += 1
        return None
    # What others send next may set free what the mutant left waiting.
    later = [document.receive(data) for data in base.next[: random.randint(0, len(base.next))]]
    if not taken[honest_first] and not document.released:
        return None
    tally.judged += 1
    tally.released += bool(document.released)
    deltas = [taken[0] + taken[1], *filter(None, later)]
    return {
        "ask": "mutant",
        "deltas": [text_of(delta.encode()) for delta in deltas],
        "joiner": text_of(document.whole()),
        "honest": [] if _deletes(deltas, base.honest_client) else base.honest_clocks,
        "want": {str(client): clock for client, clock in document.index.state.items()},
    }


def _deletes(deltas: list[Delta], client: int) -> bool:
    return any(deleted == client for delta in deltas for deleted, _, _ in delta.deletes)


def harm(request: Request, answer: Answer) -> str | None:
    """What a mutant did to Yjs, with the bytes that do it again; None if nothing."""
    problem = answer.get("problem")
    if problem is None and not answer["state"] == answer["joined"] == request["want"]:
        problem = f"Yjs has {answer['state']}, a joiner {answer['joined']}, the index {request['want']}"
    if problem is None:
        return None
    return (
        f"{problem}\n  base seed {request['seed']}, mutant {request['mutant']}\n"
        f"  base {request['base']}\n  deltas {request['deltas']}"
    )
