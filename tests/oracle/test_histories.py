"""Random histories made by Yjs: what the engine makes of their bytes is what Yjs makes of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.oracle.corpus import History, yjs_histories
from tests.oracle.judge import Judge, Request
from tests.oracle.properties import complaint, questions

SAMPLE = 50
ALL = 2000
#: Everything that an update of Yjs 13 can hold. A corpus without one of them proves nothing about it.
EVERY_KIND = {
    "GC",
    "Skip",
    "ContentDeleted",
    "ContentJSON",
    "ContentBinary",
    "ContentString",
    "ContentEmbed",
    "ContentFormat",
    "ContentType",
    "ContentAny",
    "ContentDoc",
    "type YArray",
    "type YMap",
    "type YText",
    "type YXmlElement",
    "type YXmlFragment",
    "type YXmlHook",
    "type YXmlText",
    "any undefined",
    "any null",
    "any boolean",
    "any string",
    "any integer",
    "any integer beyond 2^31",
    "any minus zero",
    "any float32",
    "any float64",
    "any bigint",
    "any bytes",
    "any array",
    "any object",
    "any nested",
    "JSON undefined",
    "JSON with lone surrogate",
    "embed with lone surrogate",
    "format with lone surrogate",
    "string with lone surrogate",
    "string with emoji",
    "document meta",
    "document autoLoad",
    "document gc",
    "origin",
    "right origin",
    "parent by id",
    "parent sub",
    "deletes",
    "undo",
    "redo",
}


def check_all(histories: Iterator[History], judge: Judge) -> set[str]:
    """Ask everything of every history; the kinds of content that were in them."""
    kinds: set[str] = set()

    def requests() -> Iterator[Request]:
        for history in histories:
            kinds.update(history.kinds)
            yield from questions(history)

    complaints = [text for text in (complaint(*pair) for pair in judge.ask_all(requests())) if text]
    assert not complaints, "\n".join(complaints[:5])
    return kinds


def test_a_sample_of_histories(judge: Judge) -> None:
    check_all(yjs_histories(1_000_000, SAMPLE), judge)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_thousand_histories_of_every_content_type(judge: Judge) -> None:
    kinds = check_all(yjs_histories(0, ALL), judge)
    assert kinds >= EVERY_KIND, f"the corpus lacks {EVERY_KIND - kinds}"
