"""Each refusal carries its reason and says what was wrong."""

from __future__ import annotations

import pytest

from collab_server.errors import RefusalReason
from collab_server.updates.refusal import malformed, too_large, unknown_content

MADE_BY = [
    (malformed, RefusalReason.MALFORMED),
    (unknown_content, RefusalReason.UNKNOWN_CONTENT),
    (too_large, RefusalReason.TOO_LARGE),
]


@pytest.mark.parametrize(("make", "reason"), MADE_BY)
def test_reason_and_detail(make: type[Exception], reason: RefusalReason) -> None:
    error = make("why")
    assert (error.reason, error.detail, str(error)) == (reason, "why", "why")  # type: ignore[attr-defined]
