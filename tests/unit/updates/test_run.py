"""The values that the others hand on."""

from __future__ import annotations

from collab_server.updates import Accepted, Run, Update


def test_defaults() -> None:
    run = Run(7, 3, 9, 2, b"data")
    assert not run.waits
    assert not run.marks
    accepted = Accepted([run])
    assert not accepted.held
    assert not accepted.deletes
    assert accepted.dropped_deletes is False


def test_shown_without_content() -> None:
    run = Run(7, 3, 9, 2, b"secret")
    assert repr(run) == "Run(client=7, clock=3, end=9, count=2)"
    assert "secret" not in repr(Update([run], []))
