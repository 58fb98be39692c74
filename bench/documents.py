"""The documents and histories that workloads need, made once from the editing traces and cached.

`automerge-paper.bin`: the whole paper as one Yjs update of client 1. `large.bin`: a document of 4 MB.
`friendsforever.json`: every transaction of two authors as an update, with what its author had seen before.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pycrdt

from bench.generator.codec import var_string, var_uint
from bench.generator.updates import ROOT_NAME, Range, read_update

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "bench"
TRACES = ROOT / "tests" / "data"

_NONE = -1
_LARGE_STRUCTS = 225_000
_LARGE_TEXT = "Every pupil "


def prepare(traces: Path = TRACES, cache: Path = CACHE) -> Path:
    """Make what is missing in `cache` (some ten seconds, once); return it."""
    cache.mkdir(parents=True, exist_ok=True)
    _make(cache / "automerge-paper.bin", lambda: read_paper(traces).update(1))
    _make(cache / "large.bin", large_update)
    _make(cache / "friendsforever.json", lambda: _history_json(_trace(traces, "friendsforever")))
    return cache


def _make(path: Path, content: Any) -> None:
    if path.exists():
        return
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(content())
    unfinished.rename(path)


def _trace(traces: Path, name: str) -> dict[str, Any]:
    with gzip.open(traces / f"{name}.json.gz", "rt", encoding="utf-8") as file:
        trace: dict[str, Any] = json.load(file)
    return trace


# -- one author: the sequence of positions is turned into structs without a CRDT -------------------


@dataclass(slots=True)
class Typed:
    """Characters of client 1 by clock: what was typed, after and before which clock, whether it was deleted.

    `previous` and `following` link all of them, deleted ones too, in document order; `last` is the end of
    that order.
    """

    characters: list[str] = field(default_factory=list)
    origins: list[int] = field(default_factory=list)
    right_origins: list[int] = field(default_factory=list)
    deleted: list[bool] = field(default_factory=list)
    previous: list[int] = field(default_factory=list)
    following: list[int] = field(default_factory=list)
    last: int = _NONE


@dataclass(frozen=True, slots=True)
class Paper:
    """The trace as structs of any one client. `structs` are cut wherever that client's id stands in them."""

    count: int
    structs: tuple[bytes, ...]
    deletes: bytes

    def update(self, client: int, root: str = ROOT_NAME) -> bytes:
        """One Yjs update with all of it, typed by `client` into `root`."""
        own = var_uint(client)
        first, *others = self.structs
        body = own.join((first.replace(var_string(ROOT_NAME), var_string(root), 1), *others))
        deletes = b"\x01" + own + self.deletes if self.deletes else b"\x00"
        return b"\x01" + var_uint(self.count) + own + b"\x00" + body + deletes


def paper_of(trace: dict[str, Any]) -> Paper:
    """The structs of a trace, joined where Yjs would join them."""
    typed = _type(trace)
    runs = list(_joined(typed))
    structs = [b""]
    for start, end in runs:
        before, *after = _struct(typed, start, end)
        structs[-1] += before
        structs += after
    return Paper(len(runs), tuple(structs), _deleted_ranges(typed.deleted))


def read_paper(traces: Path = TRACES) -> Paper:
    return paper_of(_trace(traces, "automerge-paper"))


def _type(trace: dict[str, Any]) -> Typed:
    """Follow the edits. As in Yjs, a character goes right before the next visible one, after deleted ones."""
    typed = Typed()
    visible: list[int] = []
    for transaction in trace["txns"]:
        for position, removed, inserted in transaction["patches"]:
            for clock in visible[position : position + removed]:
                typed.deleted[clock] = True
            right = visible[position + removed] if position + removed < len(visible) else _NONE
            start = len(typed.characters)
            for character in inserted:
                _insert(typed, character, right)
            visible[position : position + removed] = range(start, len(typed.characters))
    return typed


def _insert(typed: Typed, character: str, right: int) -> None:
    clock = len(typed.characters)
    left = typed.last if right == _NONE else typed.previous[right]
    typed.characters.append(character)
    typed.origins.append(left)
    typed.right_origins.append(right)
    typed.deleted.append(False)
    typed.previous.append(left)
    typed.following.append(right)
    if left != _NONE:
        typed.following[left] = clock
    if right == _NONE:
        typed.last = clock
    else:
        typed.previous[right] = clock


def _joined(typed: Typed) -> Iterable[tuple[int, int]]:
    """Clock ranges of the structs (Item.mergeWith of Yjs)."""
    start = 0
    for clock in range(1, len(typed.characters)):
        joins = (
            typed.origins[clock] == clock - 1
            and typed.following[clock - 1] == clock
            and typed.right_origins[clock] == typed.right_origins[clock - 1]
            and typed.deleted[clock] == typed.deleted[clock - 1]
        )
        if not joins:
            yield start, clock
            start = clock
    yield start, len(typed.characters)


def _struct(typed: Typed, start: int, end: int) -> list[bytes]:
    """The struct's bytes, cut wherever the client's id belongs."""
    origin, right = typed.origins[start], typed.right_origins[start]
    info = 1 if typed.deleted[start] else 4
    references = []
    if origin != _NONE:
        info |= 0x80
        references.append(var_uint(origin))
    if right != _NONE:
        info |= 0x40
        references.append(var_uint(right))
    text = "".join(typed.characters[start:end])
    content = var_uint(end - start) if typed.deleted[start] else var_string(text)
    if not references:
        return [bytes((info, 1)) + var_string(ROOT_NAME) + content]
    references[-1] += content
    return [bytes((info,)), *references]


def _deleted_ranges(deleted: list[bool]) -> bytes:
    """The client's part of the deletions after its id; nothing if there are none."""
    ranges: list[tuple[int, int]] = []
    for clock, gone in enumerate(deleted):
        if not gone:
            continue
        if ranges and sum(ranges[-1]) == clock:
            ranges[-1] = (ranges[-1][0], ranges[-1][1] + 1)
        else:
            ranges.append((clock, 1))
    if not ranges:
        return b""
    return var_uint(len(ranges)) + b"".join(var_uint(clock) + var_uint(length) for clock, length in ranges)


def large_update() -> bytes:
    """About 4 MB: each run of text typed in front of the one before, so that no two can be joined."""
    size = len(_LARGE_TEXT)
    structs = [b"\x04\x01" + var_string(ROOT_NAME) + var_string(_LARGE_TEXT)]
    text = var_string(_LARGE_TEXT)
    structs.extend(b"\x44\x01" + var_uint((n - 1) * size) + text for n in range(1, _LARGE_STRUCTS))
    return b"\x01" + var_uint(len(structs)) + b"\x01\x00" + b"".join(structs) + b"\x00"


def document_text(update: bytes) -> str:
    """Text of a document, as pycrdt reads it."""
    document: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc()
    document.apply_update(update)
    return str(document.get(ROOT_NAME, type=pycrdt.Text))


# -- two authors: a recorded history ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Transaction:
    """One edit of an author, to be sent once the first `needs` transactions of the other are there."""

    update: bytes
    needs: int
    runs: tuple[Range, ...]
    deletes: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class History:
    """`authors[a]` in the order in which author `a` (client id 1000 + a) made them; `text` is the end."""

    authors: tuple[tuple[Transaction, ...], tuple[Transaction, ...]]
    text: str


def _history_json(trace: dict[str, Any]) -> bytes:
    made = _replay(trace)
    updates = [[{"update": update.hex(), "needs": needs} for update, needs in author] for author in made]
    return json.dumps({"authors": updates, "text": trace["endContent"]}).encode()


def _replay(trace: dict[str, Any]) -> list[list[tuple[bytes, int]]]:
    """(update, number of the other's transactions seen) per author, each made on exactly its parents."""
    documents = [pycrdt.Doc[pycrdt.Text](client_id=1000 + agent) for agent in (0, 1)]
    texts = [document.get(ROOT_NAME, type=pycrdt.Text) for document in documents]
    caught: list[bytes] = []
    for document in documents:
        document.observe(lambda event: caught.append(event.update))
    made: list[list[tuple[bytes, int]]] = [[], []]
    seen: list[tuple[int, int]] = []
    applied = [0, 0]
    for transaction in trace["txns"]:
        agent = transaction["agent"]
        known = [max((seen[parent][a] for parent in transaction["parents"]), default=0) for a in (0, 1)]
        for update, _ in made[1 - agent][applied[agent] : known[1 - agent]]:
            documents[agent].apply_update(update)
        applied[agent] = max(applied[agent], known[1 - agent])
        caught.clear()
        _patch(documents[agent], texts[agent], transaction["patches"])
        made[agent].append((caught[-1], known[1 - agent]))
        known[agent] = len(made[agent])
        seen.append((known[0], known[1]))
    return made


def _patch(document: pycrdt.Doc[pycrdt.Text], text: pycrdt.Text, patches: list[tuple[int, int, str]]) -> None:
    with document.transaction():
        for position, removed, inserted in patches:
            if removed:
                del text[position : position + removed]
            if inserted:
                text.insert(position, inserted)


def load_history(cache: Path) -> History:
    """The friendsforever history as `prepare` left it."""
    raw = json.loads((cache / "friendsforever.json").read_text())
    authors = tuple(tuple(_transaction(item) for item in author) for author in raw["authors"])
    assert len(authors) == 2
    return History((authors[0], authors[1]), raw["text"])


def _transaction(item: dict[str, Any]) -> Transaction:
    update = bytes.fromhex(item["update"])
    delta = read_update(update)
    return Transaction(update, item["needs"], delta.runs, delta.deletes)
