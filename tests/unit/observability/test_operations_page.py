"""docs/operations.md leaves out no metric, no event and no reason for not being ready."""

from __future__ import annotations

import pytest

from collab_server.http.health import NotReady
from collab_server.observability import Event, Metrics
from docs import generate_operations

PAGE = generate_operations.PAGE.read_text(encoding="utf-8")


def test_the_table_of_metrics_is_what_the_server_exports() -> None:
    assert generate_operations.render(PAGE) == PAGE, "run python docs/generate_operations.py"


def test_a_page_without_a_place_for_the_table_is_an_error() -> None:
    with pytest.raises(ValueError, match="marks"):
        generate_operations.render(PAGE.replace(generate_operations.END, ""))


def test_every_metric_is_explained() -> None:
    assert [name for name in Metrics.__slots__ if f"| `collab_{name}" not in PAGE] == []


def test_every_event_and_reason_is_explained() -> None:
    assert [event for event in Event if f"| `{event.value}` |" not in PAGE] == []
    assert [reason for reason in NotReady if f"`{reason.value}`" not in PAGE] == []
