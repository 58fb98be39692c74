"""The judge itself: it must find fault with what is faulty, or its silence says nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.oracle.attack import Base, bases, harm
from tests.oracle.corpus import History, yjs_histories
from tests.oracle.judge import Judge, Request, text_of
from tests.oracle.model import Document, splice
from tests.oracle.properties import complaint, questions


@pytest.fixture(scope="module")
def history(oracle_modules: object) -> History:
    """A history of some length, all of whose first update is alive."""
    return next(found for found in yjs_histories(0, 50) if len(found.log) > 10)


@pytest.fixture(scope="module")
def base(oracle_modules: object) -> Base:
    return next(found for found in bases(0, 20) if found.document.deltas)


def complaints(history: History, judge: Judge) -> list[str]:
    answered = judge.ask_all(questions(history))
    return [text for text in (complaint(*pair) for pair in answered) if text]


def test_a_wrong_text_is_a_complaint(judge: Judge, history: History) -> None:
    assert complaints(history, judge) == []
    assert complaints(replace(history, text="of another document"), judge)


def test_a_missing_delta_is_a_complaint(judge: Judge, history: History) -> None:
    document = Document()
    for update in history.log:
        document.receive(update)
    update = text_of(splice(document.deltas[:-1]))
    answer = judge.ask(ask="load", updates=[update])
    assert complaint({"seed": 0, "want": {"text": history.text}}, answer)


def test_an_index_that_differs_from_yjs_fails(history: History) -> None:
    wrong = {client: clock + 1 for client, clock in history.state.items()}
    with pytest.raises(AssertionError):
        list(questions(replace(history, state=wrong)))


def test_a_range_that_yjs_does_not_delete_fails(history: History) -> None:
    assert history.deleted
    with pytest.raises(AssertionError, match="not deleted in Yjs"):
        list(questions(replace(history, deleted={})))


def judged(base: Base, judge: Judge, *deltas: str, **changes: Any) -> str | None:
    """What the judge says of a client with `base` that gets these deltas (hex) and the honest edits."""
    document = base.document.fork()
    document.take(base.honest)
    honest = text_of(document.deltas[-1].encode())
    request: Request = {
        "ask": "mutant",
        "base": text_of(base.document.whole()),
        "deltas": [honest, *(text_of(bytes.fromhex(delta)) for delta in deltas)],
        "joiner": text_of(document.whole()),
        "honest": base.honest_clocks,
        "want": {str(client): clock for client, clock in document.index.state.items()},
        "mutant": "",
        "seed": base.seed,
    }
    return harm(request | changes, judge.ask(**(request | changes)))


def test_honest_edits_alone_do_no_harm(base: Base, judge: Judge) -> None:
    assert judged(base, judge) is None


@pytest.mark.parametrize(
    ("delta", "problem"),
    [
        ("0101010005010174034e614e00", "SyntaxError"),
        ("010101000b010174010000", "Error"),
        ("0101010504010174016100", "the client holds a part for ever"),
        ("01010100840105016100", "TypeError"),
        ("0101010004010174016100", "joiner"),
    ],
    ids=[
        "an embed that is no JSON",
        "content of a later Yjs",
        "a gap",
        "an origin in itself",
        "a delta more",
    ],
)
def test_what_hurts_a_client_is_harm(base: Base, judge: Judge, delta: str, problem: str) -> None:
    found = judged(base, judge, delta)
    assert found is not None
    assert problem in found


def test_a_lost_honest_edit_is_harm(base: Base, judge: Judge) -> None:
    clocks = [{"client": base.honest_client, "clock": 900, "text": "never sent"}]
    found = judged(base, judge, honest=clocks)
    assert found is not None
    assert "an honest edit is lost" in found


def test_a_joiner_that_gets_less_is_harm(base: Base, judge: Judge) -> None:
    found = judged(base, judge, joiner=text_of(base.document.whole()))
    assert found is not None
    assert "another document" in found


def test_a_state_vector_that_differs_is_harm(base: Base, judge: Judge) -> None:
    assert "the index" in str(judged(base, judge, want={}))


def test_an_error_after_the_answer_counts(judge: Judge) -> None:
    assert "too late" in judge.ask(ask="later")["problem"]


def test_a_worker_that_ends_is_replaced() -> None:
    requests: list[Request] = [{"ask": "load", "updates": []} for _ in range(100)]
    requests[50] = {"ask": "end"}
    with Judge() as judge:
        answers = [answer for _, answer in judge.ask_all(requests)]
    assert "the worker is gone" in answers[50]["problem"]
    assert all("problem" not in answer for at, answer in enumerate(answers) if at != 50)
