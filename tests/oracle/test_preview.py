"""Previews of random documents by Yrs clients: each root is known for what it is, and all of it is shown."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from collab_server.engine.preview import describe
from tests.oracle.yrs import Editor

KINDS = {"text": "text", "array": "array", "map": "map", "xml": "fragment"}


def _write(seed: int) -> tuple[list[bytes], Editor]:
    """A history of three clients in the order in which a journal has it, and one that knows all of it."""
    random = Random(seed)
    editors = [Editor(random.getrandbits(32)) for _ in range(3)]
    log: list[bytes] = []
    for _ in range(60):
        editor = random.choice(editors)
        if random.random() < 0.3:
            for update in log:
                editor.apply(update)
        before = len(editor.written)
        editor.edit(random)
        log += editor.written[before:]
    for update in log:
        editors[0].apply(update)
    return log, editors[0]


def _characters(content: Any) -> str:
    if isinstance(content, str):
        return content
    runs = content["$delta"] if content else []
    return "".join(run["insert"] for run in runs if isinstance(run["insert"], str))


@pytest.mark.parametrize("seed", range(40))
def test_each_root_is_what_its_writers_took_it_for(seed: int) -> None:
    log, editor = _write(seed)
    shown: dict[str, Any] = describe(log)
    assert shown["complete"]
    roots = {root["name"]: root for root in shown["roots"]}
    for name, root in roots.items():
        assert root["type"] in (KINDS[name], "empty"), name
    if roots.get("text", {}).get("type") == "text":
        assert _characters(roots["text"]["content"]) == str(editor.text)
    if roots.get("array", {}).get("type") == "array":
        assert len(roots["array"]["content"]) == len(editor.array)
    if "map" in roots:
        assert set(roots["map"]["content"]) == set(editor.map.keys())
