from collab_server.rooms.limits import Pace


def test_the_window_grows_with_the_listeners_to_its_bound() -> None:
    pace = Pace(window_seconds_per_listener=0.001, window_max_seconds=0.040)
    assert pace.window(0) == 0.0
    assert pace.window(5) == 0.005
    assert pace.window(10_000) == 0.040


def test_awareness_slows_down_in_big_rooms() -> None:
    pace = Pace(awareness_seconds_per_listener=0.01, awareness_min_seconds=0.05, awareness_max_seconds=2.0)
    assert pace.awareness_interval(1) == 0.05
    assert pace.awareness_interval(30) == 0.3
    assert pace.awareness_interval(500) == 2.0
