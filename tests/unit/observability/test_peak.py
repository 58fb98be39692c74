from __future__ import annotations

import random

from collab_server.observability.peak import Peak


def test_the_highest_stays_for_a_minute() -> None:
    peak = Peak()
    assert peak.observe(5.0, 100.2) == 5.0
    assert peak.observe(1.0, 130.0) == 5.0
    assert peak.observe(2.0, 159.9) == 5.0
    assert peak.observe(0.5, 160.0) == 2.0
    assert peak.observe(0.0, 500.0) == 0.0


def test_it_says_what_looking_at_all_of_them_says() -> None:
    chance = random.Random(3)
    peak, seen, now = Peak(), [], 0.0
    for _ in range(2_000):
        now += chance.random() * 3
        seen.append((int(now), chance.random()))
        expected = max(value for second, value in seen if second > int(now) - 60)
        assert peak.observe(seen[-1][1], now) == expected


def test_a_busy_second_keeps_few_values() -> None:
    peak = Peak()
    for number in range(10_000):
        peak.observe(1.0 / (number + 1), 7.0)
    assert len(peak._maxima) == 1
