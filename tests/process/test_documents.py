"""`collab-server documents show` beside a running server, and the server's workers when it is stopped."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from tests.support import yproto
from tests.support.rawclient import RawClient
from tests.support.server import ServerProcess
from tests.support.waiting import PATIENCE

#: A letter by client 1, in text "t".
LETTER = bytes.fromhex("0101010004010174016100")


async def _saved(server: ServerProcess) -> None:
    async with asyncio.timeout(PATIENCE):
        while (await server.metrics())["collab_records_committed_total"] < 1:
            pass


async def test_what_a_running_server_has_saved_is_shown(server: ServerProcess, tmp_path: Path) -> None:
    async with await RawClient.connect(f"{server.url}/notes") as client:
        client.send(yproto.step1())
        client.send(yproto.update(LETTER))
        await _saved(server)
        command = str(Path(sys.executable).with_name("collab-server"))
        arguments = ("documents", "show", "notes", "--data", str(tmp_path / "data"), "--json")
        process = await asyncio.create_subprocess_exec(command, *arguments, stdout=asyncio.subprocess.PIPE)
        out, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    assert json.loads(out)["roots"] == [{"name": "t", "type": "text", "content": "a"}]
    samples = await server.metrics()
    assert samples['collab_worker_queue{lane="background"}'] == 0
    assert samples['collab_worker_memory_bytes{lane="background"}'] == 0
