"""A violation says which close code it is answered with."""

from __future__ import annotations

from collab_server.errors import RemoteError
from collab_server.gateway.violations import PROTOCOL_ERROR, FrameViolation


def test_a_violation_is_the_remotes_fault_and_carries_its_code() -> None:
    violation = FrameViolation(PROTOCOL_ERROR, "why")

    assert isinstance(violation, RemoteError)
    assert (violation.code, violation.reason, str(violation)) == (1002, "why", "why")
