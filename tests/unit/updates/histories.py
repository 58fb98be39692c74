"""Random histories of three replicas, made by Yrs: every update in the order it was made, and the replicas.

Knows nothing of the server. Texts stay ASCII: pycrdt counts bytes, and half a character makes broken updates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from pycrdt import Array, Doc, Map, Text, TransactionEvent, XmlElement, XmlFragment, XmlText

REPLICAS = 3
#: (what to do, who does it, where, how much or with what)
Step = tuple[int, int, int, int]
STEPS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, REPLICAS - 1), st.integers(0, 999), st.integers(0, 9)),
    min_size=1,
    max_size=60,
)
VALUES: list[Any] = [None, True, 1, -1.5, "wörd 😀", b"\x00\xff", [1, [2]], {"a": {"b": 1}}, 2**60, ""]


class Replica:
    """One client's document and what it has sent."""

    def __init__(self, client: int, sent: list[bytes]) -> None:
        self.doc: Doc[Any] = Doc(client_id=client)
        self._sent = sent
        self._remote = False
        self._observed = self.doc.observe(self._changed)
        self.text = self.doc.get("text", type=Text)
        self.map: Map[Any] = self.doc.get("map", type=Map)
        self.array: Array[Any] = self.doc.get("array", type=Array)
        self.xml = self.doc.get("xml", type=XmlFragment)

    def _changed(self, event: TransactionEvent) -> None:
        if not self._remote:
            self._sent.append(event.update)

    def take(self, other: Replica) -> None:
        self._remote = True
        self.doc.apply_update(other.doc.get_update(self.doc.get_state()))
        self._remote = False

    def edit(self, what: int, where: int, much: int) -> None:
        size = len(self.text)
        place = where % (size + 1)
        if what < 3:
            self.text.insert(place, "abcdefghij"[: 1 + much])
        elif what == 3 and size:
            del self.text[where % size : min(size, where % size + 1 + much)]
        elif what == 4 and size:
            self.text.format(where % size, size, {"bold": bool(much % 2), "n": VALUES[much % 2]})
        elif what == 5:
            self.map["abc"[where % 3]] = VALUES[much]
        elif what == 6:
            self.array.insert(where % (len(self.array) + 1), VALUES[much])
        elif what == 7:
            self.array.append([Text("nested"), Map({"x": VALUES[much]}), Array([1, 2])][where % 3])
        elif what == 8:
            self.xml.children.append([XmlElement("p"), XmlText("t")][where % 2])
        elif len(self.array):
            del self.array[where % len(self.array)]


@dataclass(frozen=True, slots=True)
class History:
    """What the replicas sent, in order, and where they stand; `whole` has all of it."""

    sent: list[bytes]
    replicas: list[Replica]
    whole: Doc[Any]


def make(steps: list[Step]) -> History:
    """Play steps on fresh replicas; the last kind of step, and every fourth, takes over what another has."""
    sent: list[bytes] = []
    replicas = [Replica(client, sent) for client in (7, 300, 4_000_000_000)]
    for what, who, where, much in steps:
        if much > 6 and what % 2:
            replicas[who].take(replicas[where % REPLICAS])
        else:
            replicas[who].edit(what, where, much)
    return History(sent, replicas, whole(sent))


def whole(updates: list[bytes]) -> Doc[Any]:
    doc: Doc[Any] = Doc()
    for update in updates:
        doc.apply_update(update)
    return doc


def content(doc: Doc[Any]) -> dict[str, Any]:
    """What a document says, comparable."""
    text = doc.get("text", type=Text)
    array: Array[Any] = doc.get("array", type=Array)
    mapping: Map[Any] = doc.get("map", type=Map)
    return {
        "text": text.diff(),
        "map": mapping.to_py(),
        "array": array.to_py(),
        "xml": str(doc.get("xml", type=XmlFragment)),
    }
