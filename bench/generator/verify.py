"""Are the replicas equal? Asked of a real CRDT (pycrdt), with exactly the bytes that a client received.

Every client's completeness and every character are checked while reading deltas (`updates`, `deliveries`);
what is asked here, of a sample and of a joiner that comes afterwards, is whether a document built from
those bytes is whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pycrdt

from bench.generator.updates import ROOT_NAME, read_state_vector


@dataclass(frozen=True, slots=True)
class Content:
    """Fingerprint of a document: state vector, length and hash of its text."""

    state: bytes
    length: int
    digest: str


def build(updates: Iterable[bytes]) -> pycrdt.Doc[pycrdt.Text]:
    """A document from updates in the order they came."""
    document: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc()
    document.get(ROOT_NAME, type=pycrdt.Text)
    for update in updates:
        document.apply_update(update)
    return document


def text_of(document: pycrdt.Doc[pycrdt.Text]) -> str:
    return str(document.get(ROOT_NAME, type=pycrdt.Text))


def content_of(updates: Iterable[bytes]) -> Content:
    """Fingerprint of the document that these updates make. The state vector is put in a fixed order."""
    document = build(updates)
    text = text_of(document)
    return Content(_ordered(document.get_state()), len(text), hashlib.sha256(text.encode()).hexdigest())


def library_content(updates: Iterable[bytes], documents: Path) -> Content | None:
    """Fingerprint of a stored document (`bench.stored`) and what was typed into it; None unless each of its
    papers is whole.
    """
    document = build(updates)
    wanted = text_of(build([(documents / "automerge-paper.bin").read_bytes()]))
    papers = 0
    while text := str(document.get(f"paper-{papers}", type=pycrdt.Text)):
        if text != wanted:
            return None
        papers += 1
    text = text_of(document)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return (
        Content(_ordered(document.get_state()), papers * len(wanted) + len(text), digest) if papers else None
    )


def _ordered(state: bytes) -> bytes:
    return repr(sorted(read_state_vector(state).items())).encode()


def sample(count: int, size: int) -> list[int]:
    """`size` indexes spread evenly over `count`, first and last among them."""
    if count <= size:
        return list(range(count))
    return [round(n * (count - 1) / (size - 1)) for n in range(size)]
