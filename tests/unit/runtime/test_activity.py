from __future__ import annotations

from collab_server.runtime.activity import Activity


def test_recent_are_those_of_the_last_periods() -> None:
    activity = Activity()
    activity.edits += 5
    assert activity.recent == 5
    activity.beat()
    activity.edits += 2
    assert activity.recent == 7, "a period that has just begun says little"
    activity.beat()
    assert activity.recent == 2
    activity.beat()
    assert (activity.recent, activity.edits) == (0, 7)
