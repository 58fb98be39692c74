"""Fixtures of the oracle: its Node packages, one judge for the session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oracle.judge import NODE_DIRECTORY, Judge
from tests.support.install import ensure_node_modules


@pytest.fixture(scope="session")
def oracle_modules() -> Path:
    """The Node package of the oracle, installed."""
    return ensure_node_modules(NODE_DIRECTORY)


@pytest.fixture(scope="session")
def judge(oracle_modules: Path) -> Iterator[Judge]:
    """One Yjs worker for the whole session."""
    with Judge() as worker:
        yield worker
