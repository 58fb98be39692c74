"""The job `preview`: what stands in a document, for people and programs to look at.

Owns the shape of the answer, which is JSON in the attachment: `records`, `size_bytes`, `clients` (ids),
`complete`, and `roots`, each with `name`, `type`, `content` and, where a root has both, `entries`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence as Many
from typing import Any

from pycrdt import Array, Map, Text, XmlFragment

from collab_server.engine.job import Arguments, Result
from collab_server.engine.loading import Loaded, load
from collab_server.engine.plain import Plain
from collab_server.engine.sources import document_updates
from collab_server.pipe import JSON
from collab_server.updates import Root, Sequence


def preview(arguments: Arguments) -> Result:
    """Arguments as `document_updates` takes them."""
    shown = describe(document_updates(arguments))
    return {}, json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()


def describe(updates: Many[bytes]) -> dict[str, JSON]:
    """What a document holds that came about by `updates`, in order. Raises NotLoadable."""
    loaded = load(updates)
    return {
        "records": len(updates),
        "size_bytes": sum(map(len, updates)),
        "clients": list(sorted(loaded.outline.state)),
        "complete": loaded.complete,
        "roots": _roots(loaded),
    }


def _roots(loaded: Loaded) -> list[JSON]:
    with loaded.doc.transaction() as transaction:
        plain = Plain(transaction._txn)
        return [_root(loaded, plain, name, root) for name, root in loaded.outline.roots().items()]


def _root(loaded: Loaded, plain: Plain, name: str, root: Root) -> JSON:
    shown: dict[str, JSON] = {"name": name, "type": root.sequence or ("map" if root.has_keys else "empty")}
    shown["content"] = _sequence(loaded, plain, name, root.sequence)
    if root.has_keys:
        # The same root, read another way: Lexical keeps attributes in the map of its text.
        entries: Map[Any] = loaded.doc.get(name, type=Map)
        shown["content" if root.sequence is None else "entries"] = plain.entries(entries)
    return shown


def _sequence(loaded: Loaded, plain: Plain, name: str, sequence: Sequence | None) -> JSON:
    match sequence:
        case Sequence.TEXT:
            return plain.text(loaded.doc.get(name, type=Text))
        case Sequence.FRAGMENT:
            return plain.children(loaded.doc.get(name, type=XmlFragment))
        case Sequence.ARRAY:
            array: Array[Any] = loaded.doc.get(name, type=Array)
            return plain.members(array)
    return None
