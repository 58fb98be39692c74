"""Each limit of one update, at the limit and over it."""

from __future__ import annotations

import pytest

from collab_server.errors import InvalidUpdate, RefusalReason
from collab_server.updates import DEFAULT_LIMITS, STORED_LIMITS, ScanLimits, scan
from tests.support.update_bytes import ANY, EMBED, gc, item, one, section, sized, update, values

LIMITS = ScanLimits(max_blocks=6, max_clients=3, max_delete_ranges=4, max_depth=2)


def _fits(data: bytes) -> bool:
    """Whether LIMITS take it; without limits it must always pass."""
    scan(data, STORED_LIMITS)
    try:
        scan(data, LIMITS)
        reason = None
    except InvalidUpdate as error:
        reason = error.reason
    assert reason in (None, RefusalReason.TOO_LARGE)
    return reason is None


@pytest.mark.parametrize(
    ("first", "second", "fits"), [(3, 3, True), (6, 0, True), (3, 4, False), (7, 0, False)]
)
def test_blocks_of_all_clients(first: int, second: int, fits: bool) -> None:
    sections = [section(client, 0, *[gc(1)] * count) for client, count in ((1, first), (2, second)) if count]
    assert _fits(update(*sections)) is fits


@pytest.mark.parametrize(("count", "fits"), [(3, True), (4, False)])
def test_clients(count: int, fits: bool) -> None:
    assert _fits(update(*[section(client, 0, gc(1)) for client in range(count)])) is fits
    assert _fits(update(deletes={client: [(0, 1)] for client in range(count)})) is fits


@pytest.mark.parametrize(("counts", "fits"), [((2, 2), True), ((2, 3), False), ((5,), False)])
def test_deletions_of_all_clients(counts: tuple[int, ...], fits: bool) -> None:
    deletes = {client: [(clock, 1) for clock in range(count)] for client, count in enumerate(counts)}
    assert _fits(update(deletes=deletes)) is fits


@pytest.mark.parametrize(("depth", "fits"), [(2, True), (3, False)])
def test_depth(depth: int, fits: bool) -> None:
    assert _fits(one(item(ANY, values(b"\x75\x01" * depth + b"\x7e")))) is fits
    assert _fits(one(item(EMBED, sized("[" * depth + "]" * depth)))) is fits


def test_defaults_are_those_of_the_design() -> None:
    assert ScanLimits() == DEFAULT_LIMITS == ScanLimits(20_000, 1_000, 20_000, 64)
