"""What must hold for every history, whoever made it: the checks in Python, and the questions for Yjs.

Each check raises AssertionError, or yields requests for the judge with what it must answer under `want`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random

from collab_server.types import ClockRange
from collab_server.updates import STORED_LIMITS, Base, BaseHead, BlockTable, Index, Tail, scan
from collab_server.updates.base import Place
from collab_server.updates.compaction import Compacted, compact
from collab_server.updates.varint import varint
from tests.oracle.corpus import History
from tests.oracle.judge import Answer, Request, text_of
from tests.oracle.model import Delta, Document, splice


def questions(history: History) -> Iterator[Request]:
    """Everything that is asked of one history."""
    random = Random(history.seed)
    document = in_order(history)
    yield from windows(history, document, random)
    yield from returning(history, document, random)
    yield from resending(history, document, random)
    yield from disorder(history, random)
    yield from overlap(history, random)
    yield from compacting(history, document, random)


def in_order(history: History) -> Document:
    """The log as it came: all of it is taken at once, and the index is what Yjs says."""
    document = Document()
    for update in history.log:
        document.receive(update)
        assert not document.held, "an update in causal order was held"
    assert document.index.state == history.state
    assert_within(document.index.deletes, history.deleted)
    return document


def assert_within(ranges: Iterable[ClockRange], deleted: dict[int, list[ClockRange]]) -> None:
    """Every range lies inside one of Yjs' ranges: the index never names what is not deleted."""
    for client, start, end in ranges:
        inside = any(low <= start and end <= high for _, low, high in deleted.get(client, ()))
        assert inside, f"{(client, start, end)} is not deleted in Yjs"


def windows(history: History, document: Document, random: Random) -> Iterator[Request]:
    """The splices of three windows that follow each other make the document, by every door of Yjs."""
    cuts = sorted(random.randint(0, len(document.deltas)) for _ in range(2))
    parts = [document.deltas[: cuts[0]], document.deltas[cuts[0] : cuts[1]], document.deltas[cuts[1] :]]
    updates = [splice(part) for part in parts]
    yield _load(history, updates)
    yield _load(history, [splice(document.deltas)])
    for at in (1, 2):
        prefix = [text_of(update) for update in updates[:at]]
        yield {"ask": "codec", "prefix": prefix, "update": text_of(updates[at]), "seed": history.seed}


def returning(history: History, document: Document, random: Random) -> Iterator[Request]:
    """A client that saw some of the log gets the rest; a joiner gets all."""
    seen = random.randint(0, len(history.log))
    earlier = Document()
    for update in history.log[:seen]:
        earlier.receive(update)
    diff = document.store.diff(earlier.index.state, document.index.deletes)
    yield _load(history, [splice(earlier.deltas), diff])
    yield _load(history, [document.whole()])
    assert document.restarted().whole() == document.whole()


def resending(history: History, document: Document, random: Random) -> Iterator[Request]:
    """What is known changes nothing: whole histories, diffs from anywhere, merges over gaps."""
    before = dict(document.index.state)
    for update in random.sample(history.log, min(5, len(history.log))):
        assert not document.receive(update), "a known update is new again"
    for update in history.resent:
        delta = document.receive(update)
        assert not delta.runs
        assert not document.held
    assert document.index.state == before
    # A replica names deletions that Yjs only implied before.
    assert_within(document.index.deletes, history.deleted)
    yield _load(history, [document.whole()])


def disorder(history: History, random: Random) -> Iterator[Request]:
    """Lost, doubled, shuffled, with diffs in between, restarted half-way; then everybody sends all again."""
    messages = [update for update in history.log if random.random() < 0.8] + random.sample(
        history.resent, min(3, len(history.resent))
    )
    messages += random.sample(messages, len(messages) // 4)
    random.shuffle(messages)
    document = Document()
    for at, update in enumerate(messages):
        document.receive(update)
        if at == len(messages) // 2:
            document = document.restarted()
    for update in history.log:
        document.receive(update)
    assert not document.held, "a held part was not released"
    assert document.index.state == history.state
    assert_within(document.index.deletes, history.deleted)
    # Pending structs of a client went through encoding v2, which loses lone surrogates in JSON.
    yield _load(history, [delta.encode() for delta in document.deltas], text="loose")
    yield _load(history, [document.whole()], text="loose")


def overlap(history: History, random: Random) -> Iterator[Request]:
    """Some of the log, then all of it from one replica: joined structs are cut where they are half known."""
    document = Document()
    for update in history.log[: random.randint(0, len(history.log))]:
        document.receive(update)
    document.receive(history.resent[-1])
    assert not document.held
    assert document.index.state == history.state
    yield _load(history, [delta.encode() for delta in document.deltas], text="loose")
    yield _load(history, [document.whole()], text="loose")


def compacting(history: History, document: Document, random: Random) -> Iterator[Request]:
    """The log compacted at random moments is the same document, to a joiner and to who was there."""
    deltas = [delta.encode() for delta in document.deltas]
    cuts = sorted(random.sample(range(len(deltas) + 1), min(3, len(deltas) + 1)))
    base: list[bytes] = []
    before = 0
    for cut in cuts:
        base = [compact([*base, *deltas[before:cut]]).data]
        before = cut
        yield _load(history, [*base, *deltas[cut:]])
    compacted = compact([*base, *deltas[before:]])
    assert compacted.data == compact(deltas).data, "compaction on the way changes the base"
    assert compact([compacted.data]).data == compacted.data, "a base is not compact"
    check_base(compacted, document)
    allowed = 1.05 * len(history.resent[-1]) + 16
    assert len(compacted.data) <= allowed, f"{len(compacted.data)} bytes, Yjs needs {len(history.resent[-1])}"
    yield _load(history, [compacted.data])
    yield from joining(history, document, random)
    seen = random.randint(0, len(history.log))
    yield _load(history, [*history.log[:seen], compacted.data])


def joining(history: History, document: Document, random: Random) -> Iterator[Request]:
    """A client that saw some of the log gets what it lacks out of a base of some of it and the tail after
    that.
    """
    cut = random.randint(0, len(document.deltas))
    made = compact([delta.encode() for delta in document.deltas[:cut]])
    tail = Tail(made.head.state)
    for delta in document.deltas[cut:]:
        for run in delta.runs:
            tail.append(run)
    seen = random.randint(0, len(history.log))
    earlier = Document()
    for update in history.log[:seen]:
        earlier.receive(update)
    base = Base(made.table, [made.data])
    diff = tail.diff(earlier.index.state, document.index.deletes, base)
    yield _load(history, [splice(earlier.deltas), diff])
    yield _load(history, [tail.diff({}, document.index.deletes, base)])


def check_base(compacted: Compacted, document: Document) -> None:
    """A base is an update like any other, with the document's clocks and deletions; its head and table are
    true.
    """
    index = Index()
    accepted = index.integrate(scan(compacted.data, STORED_LIMITS))
    assert not accepted.held
    assert not accepted.dropped_deletes
    assert index.state == document.index.state == compacted.head.state
    assert index.deletes == document.index.deletes == compacted.head.deletes
    assert BaseHead.decode(compacted.head.encode()) == compacted.head
    table = BlockTable.decode(compacted.table.encode())
    assert table.encode() == compacted.table.encode()
    for client, end in index.state.items():
        assert table.since(client, end) is None
        for clock in range(0, end, max(1, end // 50)):
            place = table.since(client, clock)
            assert place is not None
            assert place.clock <= clock
            section = encode_section(client, place, compacted.data)
            (run,) = scan(section, STORED_LIMITS).structs
            assert (run.clock, run.end, run.count) == (place.clock, end, place.count)


def encode_section(client: int, place: Place, data: bytes) -> bytes:
    """An update of what a table says of one client."""
    head = varint(1) + varint(place.count) + varint(client) + varint(place.clock)
    return head + data[place.start : place.end] + varint(0)


def _load(history: History, updates: list[bytes], *, text: str = "text") -> Request:
    want = {text: getattr(history, text), "state": {str(k): v for k, v in history.state.items()}}
    return {
        "ask": "load",
        "updates": [text_of(update) for update in updates],
        "want": want | {"pending": False},
        "seed": history.seed,
    }


def complaint(request: Request, answer: Answer) -> str | None:
    """What is wrong with an answer, with the seed that repeats it."""
    if "problem" in answer:
        return f"history {request['seed']}: {answer['problem']} {request}"
    wrong = {name: answer[name] for name, value in request.get("want", {}).items() if answer[name] != value}
    return f"history {request['seed']}: {wrong} instead of {request['want']}" if wrong else None


__all__ = ["Delta", "complaint", "in_order", "questions"]
