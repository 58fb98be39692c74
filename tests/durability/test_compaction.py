"""Rooms compacted while people write in them: nothing changes for anybody, whenever the server dies."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path

import pytest
from pycrdt import Map

from tests.support import yproto
from tests.support.editor import Editor
from tests.support.rawclient import RawClient
from tests.support.server import ServerProcess, our_server
from tests.support.update_bytes import TYPE, item, one, uint

pytestmark = pytest.mark.slow

#: So low that a room is compacted after every few edits.
EAGER = {"COLLAB_ROOMS__COMPACT_TAIL_BYTES": "400"}


async def compactions(server: ServerProcess) -> float:
    return (await server.metrics())["collab_compactions_total"]


async def until_compacted(server: ServerProcess, times: float) -> None:
    async with asyncio.timeout(20):
        while await compactions(server) < times:  # noqa: ASYNC110 - a metric of another process
            await asyncio.sleep(0.05)


async def enter(server: ServerProcess, room: str) -> Editor:
    editor = Editor()
    await editor.connect(f"{server.url}/{room}")
    return await editor.joined()


async def write(editors: list[Editor], chance: random.Random, edits: int) -> None:
    """Text, maps and deletions by all of them, as fast as a class."""
    for n in range(edits):
        editor = chance.choice(editors)
        length = len(editor.text)
        if length > 40 and chance.random() < 0.3:
            start = chance.randrange(length - 20)
            del editor.text[start : start + chance.randint(1, 20)]
        elif chance.random() < 0.2:
            editor.map[chance.choice("abc")] = {"n": n, "list": [n, None, "x"]}
        else:
            editor.text.insert(chance.randint(0, length), f"<{n}>")
        await asyncio.sleep(0.001)


async def write_until_compacted(
    server: ServerProcess, editors: list[Editor], chance: random.Random, times: float
) -> None:
    """However busy the machine is: a worker takes its time, in which the class writes on."""
    async with asyncio.timeout(60):
        while await compactions(server) < times:
            await write(editors, chance, 100)


def content(editor: Editor) -> tuple[str, str]:
    # Yrs gives the keys of an object in any order.
    return str(editor.text), json.dumps(editor.map.to_py(), sort_keys=True)


async def equal(editors: list[Editor]) -> None:
    async with asyncio.timeout(20):
        while len({repr(content(editor)) for editor in editors}) > 1:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_class_writes_on_while_its_room_is_compacted(tmp_path: Path) -> None:
    chance = random.Random(1)
    async with our_server(tmp_path, env=EAGER) as server:
        editors = [await enter(server, "r") for _ in range(4)]
        await write_until_compacted(server, editors, chance, 3)
        joiner = await enter(server, "r")
        await equal([*editors, joiner])
        offline = editors.pop()
        await offline.leave()
        offline.text.insert(0, "written offline")
        await write(editors, chance, 200)
        await offline.connect(f"{server.url}/r")
        await offline.joined()
        await equal([*editors, joiner, offline])
        assert "written offline" in str(joiner.text)
        wanted = content(joiner)
        await server.kill9()
        await server.start()
        for editor in (*editors, joiner, offline):
            await editor.connect(f"{server.url}/r")
            await editor.joined()
        late = await enter(server, "r")
        await equal([*editors, joiner, offline, late])
        assert content(late) == wanted, "the replicas bring back what was not saved yet"
        for editor in [*editors, joiner, offline, late]:
            await editor.leave()


async def test_after_compaction_and_restart_the_room_opens_from_its_base(tmp_path: Path) -> None:
    async with our_server(tmp_path, env=EAGER) as server:
        ann = await enter(server, "r")
        ann.hello()
        for n in range(30):
            ann.text.insert(0, f"<{n}> something that makes the tail long enough ")
        ann.mark(1)
        await ann.wait_saved(1)
        await until_compacted(server, 1)
        wanted = content(ann)
        await ann.leave()
        await server.restart()
        opened = await enter(server, "r")
        assert content(opened) == wanted
        await opened.leave()
        (line,) = server.logged("room_opened")[1:]
        assert line["version"] >= 1


async def test_maps_nested_one_by_one_end_where_browsers_still_bear_it(tmp_path: Path) -> None:
    """F6: each update is innocent; fifty thousand of them and one deletion overflow every stack."""
    async with our_server(tmp_path) as server:
        bystander = await enter(server, "elsewhere")
        victim = await enter(server, "r")
        attacker = await RawClient.connect(f"{server.url}/r")
        attacker.send(yproto.step1(b"\x00"))
        for clock in range(3000):
            parent = (5, clock - 1) if clock else None
            attacker.send(yproto.update(one(item(TYPE, uint(1), parent=parent, key="m"), 5, clock)))
            if clock % 100 == 0:
                victim.append("honest ")
                bystander.append("honest ")
        await attacker.until(lambda: len(attacker.messages) > 2, what="the server to go on")
        async with asyncio.timeout(30):
            refused = 0.0
            while not refused:
                refused = (await server.metrics())['collab_updates_refused_total{reason="too_large"}']
                await asyncio.sleep(0.05)
        other = await enter(server, "r")
        await other.wait_text("honest " * 30)
        depth, found = 0, other.doc.get("t", type=Map)
        while "m" in found:
            found = found["m"]
            depth += 1
        assert 32 < depth < 1300
        del other.doc.get("t", type=Map)["m"]
        late = await enter(server, "r")
        assert "m" not in late.doc.get("t", type=Map)
        assert str(bystander.text) == "honest " * 30
        await attacker.abort()
        for editor in (bystander, victim, other, late):
            await editor.leave()
