from __future__ import annotations

import re

from collab_server.observability import Event


def test_names_are_lower_case_and_equal_to_their_member() -> None:
    for event in Event:
        assert event.value == event.name.lower()
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", event.value)
