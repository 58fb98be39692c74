"""Every adapter has the calls of the port, with its signatures."""

from __future__ import annotations

import pytest
from collab_storage import Journal
from collab_storage.memory import MemoryJournal
from collab_storage.sqlite import SqliteJournal

from tests.unit.storage.ports import calls_of, check_signature

CALLS = calls_of(Journal)


def test_the_port_is_as_small_as_it_was() -> None:
    assert sorted(CALLS) == [
        "append",
        "close",
        "delete_room",
        "head",
        "open",
        "read",
        "remove",
        "remove_offsets",
        "rooms",
        "streams",
        "verify",
    ]


@pytest.mark.parametrize("adapter", [MemoryJournal, SqliteJournal])
@pytest.mark.parametrize("call", CALLS)
def test_signatures_are_those_of_the_port(adapter: type, call: str) -> None:
    check_signature(adapter, Journal, call)
