"""The generator's own Yjs updates: pycrdt reads what it writes, and it reads what pycrdt writes."""

import pycrdt
import pytest

from bench.generator.codec import BadMessage
from bench.generator.updates import (
    Delta,
    keystroke,
    read_state_vector,
    read_update,
    split_update,
    typed_character,
    typed_run,
)
from bench.generator.verify import build, content_of, text_of


def typed(client: int, end: int) -> str:
    return "".join(typed_character(client, clock) for clock in range(end))


def test_keystrokes_make_the_text_that_was_typed() -> None:
    document = build(keystroke(300_000, clock) for clock in range(200))
    assert text_of(document) == typed(300_000, 200)


def test_a_step_2_from_a_clock_on_completes_a_replica() -> None:
    first = [keystroke(7, clock) for clock in range(3)]
    assert text_of(build([*first, typed_run(7, 3, 150)])) == typed(7, 150)
    assert typed_run(7, 3, 3) == b"\x00\x00"


def test_reads_runs_and_deletions_of_a_spliced_update() -> None:
    updates = [keystroke(client, clock) for client in (5, 9) for clock in range(4)]
    merged = pycrdt.merge_updates(*updates)
    delta = read_update(merged, typed_character)
    assert sorted(delta.runs) == [(5, 0, 4), (9, 0, 4)]
    document = build([merged])
    del document.get("text", type=pycrdt.Text)[0:2]
    assert len(read_update(document.get_update()).deletes) == 1


def test_a_gap_splits_a_run() -> None:
    merged = pycrdt.merge_updates(keystroke(5, 0), keystroke(5, 3))
    assert read_update(merged) == Delta(((5, 0, 1), (5, 3, 4)))


def test_a_character_that_nobody_typed_is_noticed() -> None:
    honest = keystroke(5, 1)
    forged = honest[:-2] + b"!" + honest[-1:]
    read_update(forged)
    with pytest.raises(BadMessage, match="never typed"):
        read_update(forged, typed_character)


@pytest.mark.parametrize("broken", [b"\x01", b"\x00\x00\x00", b"\x01\x01\x05\x00\x02\x01\x00\x00"])
def test_malformed_updates_are_refused(broken: bytes) -> None:
    with pytest.raises((BadMessage, IndexError)):
        read_update(broken)


def test_content_depends_on_the_document_not_on_the_order() -> None:
    updates = [keystroke(client, clock) for client in (5, 9) for clock in range(4)]
    assert content_of(updates) == content_of(updates[4:] + updates[:4])
    assert content_of(updates) != content_of(updates[:-1])


def test_reads_a_state_vector() -> None:
    assert read_state_vector(build([typed_run(5, 0, 9)]).get_state()) == {5: 9}


def test_pieces_of_an_update_make_the_same_document() -> None:
    single = pycrdt.Doc(client_id=5)
    with single.transaction():
        for n in range(40):
            single.get("text", type=pycrdt.Text).insert(n // 2, f"{n} ")
        del single.get("text", type=pycrdt.Text)[3:9]
    pieces = split_update(single.get_update(), 3)
    assert len(pieces) > 3
    assert content_of(pieces) == content_of([single.get_update()])
