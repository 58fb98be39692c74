"""The documents and histories that the workloads use."""

from pathlib import Path

import pytest
from collab_storage.sqlite import reading_bases

from bench import documents, stored
from bench.generator.replay import Progress
from bench.generator.updates import Delta, read_update


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return documents.prepare(cache=tmp_path_factory.mktemp("documents"))


def test_the_paper_is_the_document_that_yjs_would_make(cache: Path) -> None:
    update = (cache / "automerge-paper.bin").read_bytes()
    # Yjs 13.6.33, fed the trace as client 1, encodes exactly this many bytes.
    assert len(update) == 223_414
    trace = documents._trace(documents.TRACES, "automerge-paper")
    assert documents.document_text(update) == trace["endContent"]


def test_the_large_document_is_one(cache: Path) -> None:
    update = (cache / "large.bin").read_bytes()
    assert len(update) == pytest.approx(4e6, rel=0.05)
    assert read_update(update).runs == ((1, 0, 2_700_000),)
    assert documents.document_text(update).startswith("Every pupil Every")


def test_the_history_ends_as_recorded_when_each_waits_for_the_other(cache: Path) -> None:
    history = documents.load_history(cache)
    progress = [Progress(1000 + agent, history.authors[1 - agent]) for agent in (0, 1)]
    sent = [0, 0]
    while sent != [len(author) for author in history.authors]:
        before = list(sent)
        for agent in (0, 1):
            own = history.authors[agent]
            while sent[agent] < len(own) and own[sent[agent]].needs <= progress[agent].count:
                delta = own[sent[agent]]
                progress[1 - agent].take(Delta(delta.runs, delta.deletes))
                sent[agent] += 1
        assert sent != before
    assert [p.count for p in progress] == [len(history.authors[1]), len(history.authors[0])]


def test_a_stored_document_has_its_papers_and_is_due_for_compaction(tmp_path: Path) -> None:
    paper = documents.read_paper()
    updates = list(stored.library(paper, 0.5))
    assert sum(map(len, updates)) == pytest.approx(0.5e6, rel=0.6)
    assert {read_update(update).runs[0][0] for update in updates} == {2_500_000_000, 2_500_000_001}
    directory = stored.prepare(tmp_path, 0.5)
    assert stored.prepare(tmp_path, 0.5) == directory
    with reading_bases(directory / "bases.sqlite3") as reader:
        base = reader.newest("default", "stored")
    assert base is not None
    assert (directory / "journal.sqlite3").stat().st_size > base.size_bytes / 4
