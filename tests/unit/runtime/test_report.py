from __future__ import annotations

import json

from collab_server.clock import SystemClock
from collab_server.runtime.census import Census
from collab_server.runtime.report import report_rooms
from collab_server.types import RoomOrder
from tests.unit.runtime.worlds import World


async def test_the_answer_is_plain_values(world: World) -> None:
    ann = await world.synced(b"/maths")
    ann.write("abc")
    clock = SystemClock()
    census = Census(world.registry, lambda: world.entrance.sessions, metrics=world.metrics, clock=clock)
    answer = await report_rooms(
        census, world.metrics, order=RoomOrder.EDITS, limit=5, clock=clock, resident_bytes=None
    )
    assert json.loads(json.dumps(answer)) == answer
    assert answer["by"] == "edits"
    (room,) = answer["rooms"]
    assert (room["tenant"], room["room"], room["state"], room["edits"]) == ("default", "maths", "occupied", 1)
    process = answer["process"]
    assert (process["sessions"], process["rooms"], process["resident_bytes"]) == (1, 1, None)
    assert set(process["memory_bytes"]) >= {"index", "tail", "base_cache", "outbound"}
    latency = process["edit_latency_seconds"]
    assert len(latency["counts"]) == len(latency["bounds"]) + 1
    assert sum(latency["counts"]) == 1
