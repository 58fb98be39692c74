"""A struct over which compaction fails: everybody keeps everything else, and nobody is disconnected."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from collab_storage.sqlite import SqliteBases

from tests.durability.crowd import text_in
from tests.durability.test_compaction_steps import ROOM, Stage, stage
from tests.support.editor import Editor

pytestmark = pytest.mark.slow

MARK = "UNBEARABLE"


async def enter(scene: Stage) -> Editor:
    editor = Editor()
    await editor.connect(f"{scene.server.url}/{ROOM}")
    await editor.joined()
    editor.hello()
    return editor


@pytest.mark.parametrize("effect", ["crash", "memory", "hang", "invalid"])
async def test_what_no_worker_can_bear_is_taken_out_and_kept_for_people(tmp_path: Path, effect: str) -> None:
    env = {"FAULT_MARK": MARK, "FAULT_EFFECT": effect, "COLLAB_WORKERS__BACKGROUND_SECONDS": "1"}
    async with stage(tmp_path, **env) as scene:
        ann, ben = await enter(scene), await enter(scene)
        ann.append("before ")
        await ben.wait_text("before ")
        ann.text.insert(0, f"<{MARK}>")
        ben.map["kept"] = {"a": [1, 2]}
        ann.append("after " * 100)
        await scene.compacted(1)
        wanted = "before " + "after " * 100
        for editor in (ann, ben):
            await editor.wait_text(wanted)
            assert editor.client is not None
            assert editor.client.closed is None
        ann.append("and on")
        await ben.wait_text(wanted + "and on")
        ann.mark(1)
        await ann.wait_saved(1)
        assert (await scene.server.metrics())["collab_structs_quarantined_total"] == 1
        (line,) = scene.server.logged("structs_quarantined")
        await scene.server.restart(kill=True)
        assert await text_in(scene.server, ROOM) == wanted + "and on"
        late = await enter(scene)
        assert late.map.to_py() == ben.map.to_py()
        for editor in (ann, ben, late):
            await editor.leave()
        await scene.sound()
        assert await quarantined(scene) == line["offsets"]


async def quarantined(scene: Stage) -> list[int]:
    """Offsets of the rows in quarantine, which hold what was taken out."""
    bases = SqliteBases(scene.data / "bases.sqlite3")
    await bases.open()
    try:
        entries = await bases.quarantined("default", ROOM)
        datas = await asyncio.gather(*map(bases.quarantined_data, entries))
    finally:
        await bases.close()
    assert all(MARK.encode() in data for data in datas)
    return [entry.offset for entry in entries]
