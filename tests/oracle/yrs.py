"""Editors made of Yrs (pycrdt): a second implementation that writes histories and reads our splices.

Owns random edits within what Yrs can do, and one form to compare two of its documents. Yrs reports some
faults as Rust panics, which are no `Exception`: callers that load foreign bytes must expect BaseException.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any

from pycrdt import (
    Array,
    Doc,
    Map,
    Text,
    TransactionEvent,
    UndoManager,
    XmlElement,
    XmlFragment,
    XmlText,
    merge_updates,
)

from tests.oracle.corpus import History
from tests.oracle.judge import Judge, text_of

WORDS = ("a", "bc ", "note", "Grüße", "数学", "😀", "👩\u200d🏫", "\n", "x" * 30)
VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**31 - 1,
    2**40,
    0.5,
    0.1,
    "text",
    "",
    b"\x00\xff",
    [1, [2, {"k": None}]],
    {"a": {"b": [True]}},
)


class Editor:
    """One Yrs client. `written` collects what it would send, in order."""

    def __init__(self, client: int) -> None:
        self.doc: Doc[Any] = Doc(client_id=client)
        self.text = self.doc.get("text", type=Text)
        self.array: Array[Any] = self.doc.get("array", type=Array)
        self.map: Map[Any] = self.doc.get("map", type=Map)
        self.xml = self.doc.get("xml", type=XmlFragment)
        self.written: list[bytes] = []
        self._remote = False
        self._subscription = self.doc.observe(self._wrote)
        self.undo = UndoManager(scopes=[self.text, self.array, self.map], capture_timeout_millis=0)

    def apply(self, update: bytes) -> None:
        """Take over what somebody else wrote."""
        self._remote = True
        try:
            self.doc.apply_update(update)
        finally:
            self._remote = False

    def _wrote(self, event: TransactionEvent) -> None:
        if not self._remote:
            self.written.append(event.update)

    def edit(self, random: Random) -> None:
        """One random edit of one root, or an undo."""
        edits = (edit_text, edit_text, edit_array, edit_map, edit_xml, _undo, _redo)
        random.choice(edits)(self, random)

    def state(self) -> bytes:
        return self.doc.get_state()

    def whole(self) -> bytes:
        return self.doc.get_update()

    def seen(self) -> str:
        """All that is visible, in one form."""
        roots = (self.text, self.array, self.map, self.xml)
        return json.dumps([_plain(root) for root in roots], sort_keys=True)


def _runs(text: Text | XmlText) -> list[Any]:
    """The text with equal neighbours joined: formats that change nothing split runs differently."""
    runs: list[Any] = []
    for value, attributes in text.diff():
        marks = {key: mark for key, mark in (attributes or {}).items() if mark is not None}
        if runs and isinstance(value, str) and isinstance(runs[-1][0], str) and runs[-1][1] == marks:
            runs[-1][0] += value
        else:
            runs.append([value if isinstance(value, str) else _plain(value), marks])
    return runs


def _plain(value: Any) -> Any:
    """What stands in a document, as something that JSON can write."""
    if isinstance(value, Text | XmlText):
        return _runs(value)
    if isinstance(value, XmlElement):
        marks = sorted((key, _plain(mark)) for key, mark in value.attributes)
        return [value.tag, marks, [_plain(child) for child in value.children]]
    if isinstance(value, XmlFragment):
        return [_plain(child) for child in value.children]
    if isinstance(value, Map | dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Array | list):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | float | int | None) else repr(value)


def _place(random: Random, text: Text) -> int:
    """A byte offset between two characters; an embed counts one."""
    places = [0]
    for value, _ in text.diff():
        for character in value if isinstance(value, str) else "\0":
            places.append(places[-1] + len(character.encode()))
    return random.choice(places)


def edit_text(editor: Editor, random: Random) -> None:
    text = editor.text
    start, end = sorted((_place(random, text), _place(random, text)))
    kind = random.randrange(6)
    if kind < 3:
        text.insert(start, random.choice(WORDS), random.choice((None, {"bold": True})))
    elif kind == 3 and start < end:
        del text[start:end]
    elif kind == 4 and start < end:
        text.format(start, end, {random.choice(("bold", "link")): random.choice((True, None, "x"))})
    else:
        text.insert_embed(start, {"image": random.choice(WORDS)})


def _value(random: Random) -> Any:
    kinds: Sequence[Callable[[], Any]] = (
        lambda: random.choice(VALUES),
        lambda: random.choice(VALUES),
        lambda: Map({"k": random.choice(VALUES)}),
        lambda: Array([1, "two"]),
        lambda: Text(random.choice(WORDS)),
    )
    return random.choice(kinds)()


def edit_array(editor: Editor, random: Random) -> None:
    array = editor.array
    if len(array) and random.random() < 0.3:
        del array[random.randrange(len(array))]
    else:
        array.insert(random.randint(0, len(array)), _value(random))


def edit_map(editor: Editor, random: Random) -> None:
    key = random.choice(("a", "b", "ключ"))
    if key in editor.map and random.random() < 0.3:
        del editor.map[key]
    else:
        editor.map[key] = _value(random)


def edit_xml(editor: Editor, random: Random) -> None:
    children = editor.xml.children
    kind = random.randrange(4)
    if len(children) and kind == 0:
        del children[random.randrange(len(children))]
    elif len(children) and kind == 1:
        child = children[random.randrange(len(children))]
        if isinstance(child, XmlElement):
            child.attributes[random.choice(("class", "n"))] = random.choice(WORDS)
        else:
            child.insert(0, random.choice(WORDS))
    else:
        node = XmlText(random.choice(WORDS)) if kind == 2 else XmlElement("p")
        children.insert(random.randint(0, len(children)), node)


def _undo(editor: Editor, random: Random) -> None:
    editor.undo.undo()


def _redo(editor: Editor, random: Random) -> None:
    editor.undo.redo()


def reader(updates: Iterable[bytes]) -> Editor:
    """A Yrs replica of some updates. Raises whatever Yrs does, panics included."""
    editor = Editor(1)
    for update in updates:
        editor.apply(update)
    return editor


def yrs_history(seed: int, judge: Judge) -> History:
    """A history by two or three Yrs clients; what must come of it is asked of Yjs."""
    random = Random(seed)
    editors = [Editor(random.getrandbits(32)) for _ in range(random.randint(2, 3))]
    log: list[bytes] = []
    seen = [0] * len(editors)
    resent: list[bytes] = []
    for _ in range(random.randint(6, 30)):
        at = random.randrange(len(editors))
        editor = editors[at]
        if random.random() < 0.3:
            for update in log[seen[at] :]:
                editor.apply(update)
            seen[at] = len(log)
        elif random.random() < 0.1:
            resent.append(editor.whole())
        else:
            before = len(editor.written)
            editor.edit(random)
            log += editor.written[before:]
    for editor in editors:
        for update in log:
            editor.apply(update)
    if len(log) > 2:
        resent.append(merge_updates(*random.sample(log, 2)))
    resent += [editor.whole() for editor in editors]
    return _expected(seed, log, resent, judge)


def _expected(seed: int, log: list[bytes], resent: list[bytes], judge: Judge) -> History:
    answer = judge.ask(ask="load", updates=[text_of(update) for update in log])
    assert "problem" not in answer, answer
    assert not answer["pending"]
    deleted: dict[int, list[tuple[int, int, int]]] = {}
    for client, start, end in answer["deleted"]:
        deleted.setdefault(client, []).append((client, start, end))
    state = {int(client): clock for client, clock in answer["state"].items()}
    return History(seed, log, resent, state, deleted, answer["text"], answer["loose"], frozenset())
