"""What stands in a Yrs document, as JSON: everything that a document may hold has a form here.

Owns those forms and their bounds. What JSON has no word for is an object with one key that begins with `$`:
`{"$bytes": base64}`, `{"$number": "NaN"}`, `{"$delta": […]}` (text with formats or embeds),
`{"$document": guid}`, and where the bounds cut `{"$deeper": type}` and `{"$more": count}`. Yrs itself makes
bigints numbers and undefined null, and does not load XML hooks, content 2 or half a surrogate pair in JSON.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Iterable
from typing import Any

from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText

from collab_server.pipe import JSON

#: Below this much nesting only the kind of a type is told: what shows it recurses.
MAX_DEPTH = 100
#: Members shown of one array: Yrs walks from the start to each (20,000 take 1.2 s).
MAX_MEMBERS = 10_000

_MAX_EXACT = 2.0**53


class Plain:
    """Turns values of one document into JSON, inside one transaction of it."""

    def __init__(self, transaction: Any) -> None:
        self._transaction = transaction

    def value(self, value: Any, depth: int = 0) -> JSON:  # noqa: C901 - one line for each kind of value
        """Any value or type as JSON."""
        if depth > MAX_DEPTH:
            return {"$deeper": type(value).__name__.lower()}
        match value:
            case None | bool() | int() | str():
                return value
            case float():
                return _number(value)
            case bytes() | bytearray():
                return {"$bytes": b64encode(value).decode()}
            case dict():
                return {str(key): self.value(member, depth + 1) for key, member in value.items()}
            case list():
                return [self.value(member, depth + 1) for member in value]
            case Text() | XmlText():
                return self.text(value, depth)
            case Map():
                return self.entries(value, depth)
            case Array():
                return self.members(value, depth)
            case XmlElement():
                return self._element(value, depth)
            case XmlFragment():
                return self.children(value, depth)
            case Doc():
                return {"$document": value.guid}
        return {"$deeper": type(value).__name__.lower()}

    def text(self, text: Text | XmlText, depth: int = 0) -> JSON:
        """The characters, or a delta as Quill knows it if there is more to it than characters."""
        runs = text.diff()
        if all(isinstance(value, str) and not marks for value, marks in runs):
            plain: JSON = "".join(value for value, _ in runs)
        else:
            plain = {"$delta": [self._run(value, marks, depth + 1) for value, marks in runs]}
        attributes = self._attributes(text, depth) if isinstance(text, XmlText) else {}
        return {"attributes": attributes, "text": plain} if attributes else plain

    def _run(self, value: Any, marks: dict[str, Any] | None, depth: int) -> JSON:
        run: dict[str, JSON] = {"insert": self.value(value, depth)}
        if marks:
            run["attributes"] = self.value(marks, depth)
        return run

    def entries(self, entries: Map[Any], depth: int = 0) -> dict[str, JSON]:
        return {key: self.value(entries[key], depth + 1) for key in sorted(entries.keys())}

    def members(self, array: Array[Any], depth: int = 0) -> list[JSON]:
        count = len(array)
        shown: list[JSON] = [self.value(array[at], depth + 1) for at in range(min(count, MAX_MEMBERS))]
        return shown if count <= MAX_MEMBERS else [*shown, {"$more": count - MAX_MEMBERS}]

    def children(self, parent: XmlFragment | XmlElement, depth: int = 0) -> list[JSON]:
        children: Iterable[Any] = parent.integrated.children(self._transaction)
        return [self.value(parent._maybe_as_type_or_doc(child), depth + 1) for child in children]

    def _element(self, element: XmlElement, depth: int) -> JSON:
        return {
            "tag": element.tag,
            "attributes": self._attributes(element, depth),
            "children": self.children(element, depth),
        }

    def _attributes(self, node: XmlElement | XmlText, depth: int) -> dict[str, JSON]:
        found: Iterable[tuple[str, Any]] = node.integrated.attributes(self._transaction)
        return {name: self.value(node._maybe_as_type_or_doc(value), depth + 1) for name, value in found}


def _number(value: float) -> JSON:
    """Yrs makes every number a float; what is whole is shown as it was typed."""
    if math.isnan(value):
        return {"$number": "NaN"}
    if math.isinf(value):
        return {"$number": "Infinity" if value > 0 else "-Infinity"}
    return int(value) if value.is_integer() and abs(value) <= _MAX_EXACT else value
