"""Whatever is lost, doubled, reordered or killed on the way: at rest every replica is the same document.

Tests 10 and 12 of the list of faults, on the pure room.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations, product
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from collab_server.rooms.member import Member
from tests.oracle.corpus import History, yjs_histories
from tests.oracle.judge import Judge, Request, text_of
from tests.oracle.loopback import STEP_1, UPDATE, Client, Message, Server, settle, state_of
from tests.oracle.model import Document, splice
from tests.oracle.yrs import Editor, reader

CLIENTS = st.integers(min_value=0, max_value=3)
SEEDS = st.integers(min_value=0, max_value=2**32)


class ConvergenceMachine(RuleBasedStateMachine):
    """Four clients, one room, a network that does what no TCP connection would."""

    judge: Judge | None = None

    def __init__(self) -> None:
        super().__init__()
        self.server = Server()
        self.clients = [Client(self.server, Editor(client)) for client in (7, 2**31 + 1, 300, 2**32 - 5)]

    @rule(at=CLIENTS)
    def join(self, at: int) -> None:
        self.clients[at].connect()

    @rule(at=CLIENTS, seed=SEEDS, count=st.integers(1, 4))
    def edit(self, at: int, seed: int, count: int) -> None:
        random = Random(seed)
        for _ in range(count):
            self.clients[at].edit(random)

    @rule(at=CLIENTS, count=st.integers(1, 6))
    def deliver(self, at: int, count: int) -> None:
        for _ in range(count):
            self.clients[at].deliver_up()
            self.clients[at].deliver_down()

    @rule(at=CLIENTS, seed=SEEDS)
    def lose(self, at: int, seed: int) -> None:
        _disturb(self.clients[at], Random(seed), lambda queue, place: queue.pop(place))

    @rule(at=CLIENTS, seed=SEEDS)
    def double(self, at: int, seed: int) -> None:
        _disturb(self.clients[at], Random(seed), lambda queue, place: queue.append(queue[place]))

    @rule(at=CLIENTS, seed=SEEDS)
    def reorder(self, at: int, seed: int) -> None:
        _disturb(self.clients[at], Random(seed), lambda queue, place: queue.append(queue.pop(place)))

    @rule()
    def flush(self) -> None:
        self.server.flush()

    @rule()
    def commit(self) -> None:
        self.server.journal.commit()

    @rule()
    def begin_compaction(self) -> None:
        self.server.begin_compaction()

    @rule()
    def finish_compaction(self) -> None:
        self.server.finish_compaction()

    @rule(kill=st.booleans())
    def restart(self, kill: bool) -> None:
        self.server.restart(kill=kill)

    @precondition(lambda self: any(client.editor.written for client in self.clients))
    @rule()
    def rest(self) -> None:
        settle(self.server, self.clients)
        joiner = reader([self.server.step_2({})])
        for client in self.clients:
            assert client.editor.seen() == joiner.seen()
            assert state_of(client.editor) == state_of(joiner)
        self._ask_yjs()

    def _ask_yjs(self) -> None:
        if self.judge is None:
            return
        wholes = [self.server.step_2({})] + [client.editor.whole() for client in self.clients]
        answers = [self.judge.ask(ask="load", updates=[text_of(whole)]) for whole in wholes]
        assert len({answer["text"] for answer in answers}) == 1
        assert all(answer["state"] == answers[0]["state"] for answer in answers)
        assert not any(answer["pending"] for answer in answers)

    def teardown(self) -> None:
        self.rest()


def _disturb(client: Client, random: Random, change: Callable[[list[Message], int], object]) -> None:
    """Lose, double or move one update that is under way; y-protocols has no repeats of its handshake."""
    queue = random.choice((client.inbox, client.outbox))
    places = [place for place, (kind, _) in enumerate(queue) if kind == UPDATE]
    if places:
        change(queue, random.choice(places))


def run_machine(judge: Judge, *, examples: int, steps: int) -> None:
    ConvergenceMachine.judge = judge
    run_state_machine_as_test(
        ConvergenceMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_convergence_in_a_few_runs(judge: Judge) -> None:
    run_machine(judge, examples=15, steps=40)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_convergence(judge: Judge) -> None:
    run_machine(judge, examples=250, steps=60)


class DeafServer(Server):
    """Takes everything and tells nobody."""

    def _send(self, member: Member, kind: str, body: bytes) -> None:
        if kind == STEP_1:
            super()._send(member, kind, body)


def test_the_machine_notices_a_room_that_relays_nothing() -> None:
    server = DeafServer()
    machine = ConvergenceMachine()
    machine.judge = None
    machine.clients = [Client(server, client.editor) for client in machine.clients]
    machine.server = server
    machine.edit(at=0, seed=1, count=4)
    with pytest.raises(AssertionError):
        machine.rest()


def _orders(history: History) -> Iterator[Request]:
    """Four updates in every order, with a restart after any of them."""
    four = history.log[:4]
    ordered = Document()
    for update in four:
        ordered.receive(update)
    for order in permutations(four):
        for restarts in product((False, True), repeat=4):
            document = Document()
            for update, restart in zip(order, restarts, strict=True):
                document.receive(update)
                document = document.restarted() if restart else document
            assert not document.held
            assert document.index.state == ordered.index.state
            # Deletions ahead of their structs are dropped; the sender, asked with step 1, sends all again.
            if set(document.index.deletes) != set(ordered.index.deletes):
                document.receive(splice(ordered.deltas))
            yield {"ask": "load", "updates": [text_of(document.whole())], "seed": history.seed}


def test_four_updates_in_every_order_with_restarts(judge: Judge) -> None:
    histories = [history for history in yjs_histories(3_000_000, 12) if len(history.log) >= 4]
    assert len(histories) >= 10
    for history in histories:
        texts = {answer["text"] for _, answer in judge.ask_all(_orders(history))}
        wanted = judge.ask(ask="load", updates=[text_of(update) for update in history.log[:4]])["text"]
        assert texts == {wanted}, f"history {history.seed}"
