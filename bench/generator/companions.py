"""A process that plays some of a run's clients beside the main one, spoken with in lines of JSON.

Owns the process and the lines; what is said in them is its users'. The first line is the job.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from bench.plan import Job

_LINE_BYTES = 64 << 20


class Companions:
    """Handle on the process. Every question waits for its answer."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @staticmethod
    async def spawn(module: str, job: Job) -> asyncio.subprocess.Process:
        """Start `python -m module` and tell it the job."""
        pipe = asyncio.subprocess.PIPE
        command = [sys.executable, "-m", module]
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=_LINE_BYTES)
        await _say(process, json.loads(job.to_json()))
        return process

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        await _say(self._process, question)
        assert self._process.stdout is not None
        answer = json.loads(await self._process.stdout.readline() or "{}")
        if "ok" not in answer:
            raise RuntimeError(f"the process beside failed: {answer}")
        result: dict[str, Any] = answer
        return result


async def _say(process: asyncio.subprocess.Process, line: dict[str, Any]) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(line).encode() + b"\n")
    await process.stdin.drain()
