"""What two scrapes say of the loop between them."""

from bench.generator.scrape import read

_BEFORE = """# HELP collab_loop_stall_seconds Times
collab_loop_stall_seconds_bucket{le="0.01"} 100.0
collab_loop_stall_seconds_bucket{le="0.02"} 100.0
collab_loop_stall_seconds_bucket{le="0.025"} 101.0
collab_loop_stall_seconds_bucket{le="+Inf"} 101.0
collab_loop_busy_seconds_bucket{le="0.01"} 101.0
collab_loop_busy_seconds_bucket{le="+Inf"} 101.0
collab_compactions_total 1.0
python_info 1.0
"""


def test_only_what_came_between_counts() -> None:
    after = _BEFORE.replace(" 10", " 20").replace('le="+Inf"} 201.0', 'le="+Inf"} 203.0')
    found = read(after).since(read(_BEFORE))
    assert found["stalls_over_20_ms"] == 2
    assert found["stall_max_ms"] == float("inf")
    assert found["compactions"] == 0


def test_the_longest_is_the_bound_of_its_bucket() -> None:
    after = _BEFORE.replace(" 101.0", " 102.0").replace(" 100.0", " 101.0")
    found = read(after).since(read(_BEFORE))
    assert (found["stall_max_ms"], found["busy_max_ms"]) == (10.0, 10.0)
    assert found["stalls_over_20_ms"] == 0
