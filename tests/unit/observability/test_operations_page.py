"""docs/operations.md leaves out no metric, no event and no reason for not being ready."""

from __future__ import annotations

from pathlib import Path

from collab_server.http.health import NotReady
from collab_server.observability import Event, Metrics

PAGE = (Path(__file__).parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")


def test_every_metric_is_explained() -> None:
    assert [name for name in Metrics.__slots__ if f"| `collab_{name}" not in PAGE] == []


def test_every_event_and_reason_is_explained() -> None:
    assert [event for event in Event if f"| `{event.value}` |" not in PAGE] == []
    assert [reason for reason in NotReady if f"`{reason.value}`" not in PAGE] == []
