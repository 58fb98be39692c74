"""Random histories made by Yrs, in any order and any parts, end as the document they came from."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pycrdt import Doc, merge_updates

from collab_server.updates import (
    Accepted,
    Index,
    Run,
    Tail,
    Update,
    decode_state_vector,
    encode_structs,
    encode_update,
    scan,
)
from tests.unit.updates.histories import STEPS, Step, content, make, whole

settings.register_profile("histories", max_examples=120, deadline=None)
HISTORIES = settings.get_profile("histories")


class Server:
    """Index, blocks and what is held, as a room keeps them; `deltas` is what it relays."""

    def __init__(self) -> None:
        self.index = Index()
        self.blocks = Tail()
        self.held: list[Run] = []
        self.dropped_deletes = False
        self.deltas: list[bytes] = []

    def receive(self, data: bytes) -> None:
        accepted = self._take(scan(data))
        self.dropped_deletes |= accepted.dropped_deletes
        while ready := [run for run in self.held if self.index.missing(run) is None]:
            self.held = [run for run in self.held if run not in ready]
            self._take(scan(encode_structs(ready)))

    def _take(self, update: Update) -> Accepted:
        accepted = self.index.integrate(update)
        self.held += accepted.held
        for run in accepted.runs:
            self.blocks.append(run)
        if accepted.runs or accepted.deletes:
            self.deltas.append(encode_update(accepted.runs, accepted.deletes))
        return accepted

    def document(self) -> Doc[Any]:
        return whole([self.blocks.diff({}, self.index.deletes)])


@HISTORIES
@given(STEPS)
def test_in_order(steps: list[Step]) -> None:
    history = make(steps)
    server = Server()
    for update in history.sent:
        server.receive(update)
    assert not server.held
    assert not server.dropped_deletes
    assert server.index.state == decode_state_vector(history.whole.get_state())
    assert content(server.document()) == content(history.whole)


@HISTORIES
@given(STEPS, st.randoms(use_true_random=False))
def test_in_any_order_and_any_parts(steps: list[Step], rng: random.Random) -> None:
    history = make(steps)
    parts = list(history.sent)
    for _ in range(3):
        first = rng.randrange(len(parts) + 1)
        window = parts[first : first + rng.randrange(2, 6)]
        if len(window) > 1:
            parts.append(merge_updates(*window))
    rng.shuffle(parts)
    server = Server()
    for update in parts:
        server.receive(update)
    # The deletions that came too early were dropped; the sender is asked, and its step 2 has all of them.
    server.receive(history.whole.get_update())
    assert not server.held
    assert server.index.state == decode_state_vector(history.whole.get_state())
    assert content(server.document()) == content(history.whole)
    assert content(whole(server.deltas)) == content(history.whole)


@HISTORIES
@given(STEPS)
def test_what_is_known_is_nothing(steps: list[Step]) -> None:
    history = make(steps)
    server = Server()
    server.receive(history.whole.get_update())
    server.deltas.clear()
    for update in [*history.sent, *(replica.doc.get_update() for replica in history.replicas)]:
        server.receive(update)
    assert not server.held
    assert not server.deltas


@HISTORIES
@given(STEPS)
def test_a_diff_brings_every_replica_up_to_date(steps: list[Step]) -> None:
    history = make(steps)
    server = Server()
    for update in history.sent:
        server.receive(update)
    for replica in history.replicas:
        state = decode_state_vector(replica.doc.get_state())
        replica.doc.apply_update(server.blocks.diff(state, server.index.deletes))
        assert content(replica.doc) == content(history.whole)
        assert decode_state_vector(replica.doc.get_state()) == server.index.state


@HISTORIES
@given(STEPS, st.randoms(use_true_random=False))
def test_every_window_spliced_is_that_window(steps: list[Step], rng: random.Random) -> None:
    history = make(steps)
    first = rng.randrange(len(history.sent) + 1)
    last = rng.randrange(first, len(history.sent) + 1)
    before, server = whole(history.sent[:first]), Server()
    for update in history.sent[:first]:
        server.receive(update)
    accepted = [server.index.integrate(scan(update)) for update in history.sent[first:last]]
    runs = [run for part in accepted for run in part.runs]
    deletes = [found for part in accepted for found in part.deletes]
    before.apply_update(encode_update(runs, deletes))
    assert content(before) == content(whole(history.sent[:last]))


@HISTORIES
@given(STEPS)
def test_what_we_write_scans_as_it_was(steps: list[Step]) -> None:
    history = make(steps)
    for data in [*history.sent, history.whole.get_update()]:
        update = scan(data)
        written = encode_update(update.structs, update.deletes)
        again = scan(written)
        assert encode_update(again.structs, again.deletes) == written
        assert sorted(run.data for run in again.structs) == sorted(run.data for run in update.structs)


@HISTORIES
@given(STEPS)
def test_deleted_ranges_are_those_of_the_document(steps: list[Step]) -> None:
    """Yrs implies others besides: losers of concurrent map entries, children of deleted types."""
    history = make(steps)
    server = Server()
    for update in history.sent:
        server.receive(update)
    document = Index()
    document.integrate(scan(history.whole.get_update()))
    for client, start, end in server.index.deletes:
        assert not document.deletes.add(client, start, end)
