"""Every workload at 1/20 of its size against our server: nothing lost, replicas equal, no timing judged."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from bench.documents import prepare
from bench.plan import WORKLOADS
from bench.processes import Cores
from bench.results import run_counts
from bench.runner import run_once
from bench.systems import SYSTEMS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

_SCALE = 1 / 20


@pytest.fixture(scope="module")
def documents() -> Path:
    return prepare()


@pytest.mark.parametrize("name", WORKLOADS)
def test_ours_delivers_everything(name: str, documents: Path) -> None:
    workload = dataclasses.replace(WORKLOADS[name].scaled(_SCALE), seconds=2.0, warmup_seconds=0.5)
    values = run_once(SYSTEMS["ours"], workload, cores=Cores(None, None), documents=documents)
    assert run_counts(values), values


def test_the_judge_sees_a_server_that_loses_edits(documents: Path) -> None:
    """The control: the bare relay forgets what it relayed, so a client that joins late has less."""
    workload = dataclasses.replace(WORKLOADS["class"].scaled(_SCALE), seconds=1.0, warmup_seconds=0.2)
    forgetful = dataclasses.replace(SYSTEMS["floor"], keeps_documents=True)
    values = run_once(forgetful, workload, cores=Cores(None, None), documents=documents)
    assert not run_counts(values)
    assert values["replicas_equal"] is False
