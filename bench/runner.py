"""Run one job: a fresh server on its core, the generator in its own process on the other, one result."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import stored
from bench.plan import Job, Workload
from bench.processes import Cores, ServerFailed, running
from bench.systems import System

RESULTS = Path(__file__).parent / "results"
SCRATCH = RESULTS / "tmp"
_RUN_LIMIT_SECONDS = 300.0


class RunFailed(RuntimeError):
    """The generator gave no result: the server broke, or the run passed its time limit."""


def run_once(
    system: System, workload: Workload, *, cores: Cores, documents: Path, seed: int = 1
) -> dict[str, Any]:
    """Measure `workload` on a fresh `system`. Failures come back as a result with `failure` set."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{system.name}-{workload.name}-", dir=SCRATCH))
    started = time.monotonic()
    try:
        values = _measure(system, workload, scratch, cores, documents, seed)
    except (RunFailed, ServerFailed) as failure:
        # The last line says what it was; a traceback with paths of this machine is not for a file to publish.
        print(failure, file=sys.stderr)
        values = {"failure": str(failure).strip().splitlines()[-1]}
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    head = {"system": system.name, "workload": workload.name, "seed": seed}
    return head | values | {"run_seconds": round(time.monotonic() - started, 1)}


def _measure(
    system: System, workload: Workload, scratch: Path, cores: Cores, documents: Path, seed: int
) -> dict[str, Any]:
    given = None if workload.document == "none" else documents / f"{workload.document}.bin"
    megabytes = workload.stored_megabytes
    directory = stored.prepare(documents, megabytes) if megabytes else None
    with running(system, scratch, cores.server, given, stored=directory) as server:
        job = Job(
            workload=workload,
            port=server.port,
            dialect=system.dialect,
            server_pid=server.pid,
            core=cores.generator,
            keeps_documents=system.keeps_documents,
            documents=str(documents),
            seed=seed,
        )
        return generate(job)


def generate(job: Job) -> dict[str, Any]:
    """Run the generator process on a job and return what it printed."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "bench.generator"],
            input=job.to_json(),
            capture_output=True,
            text=True,
            timeout=_RUN_LIMIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RunFailed(f"no result after {_RUN_LIMIT_SECONDS:.0f} s") from None
    if done.returncode != 0:
        raise RunFailed(done.stderr[-2000:])
    values: dict[str, Any] = json.loads(done.stdout)
    return values
