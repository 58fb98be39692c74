from __future__ import annotations

from collab_server.http.health import NotReady


def test_reasons_are_what_a_probe_reads() -> None:
    assert {str(reason) for reason in NotReady} == {"starting", "draining", "journal_failing", "at_capacity"}
