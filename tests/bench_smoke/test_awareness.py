"""Awareness as the generator plays it, compared with pycrdt's."""

import json

import pycrdt

from bench.generator.awareness import entry, message, news, read_entries, state_json
from bench.generator.codec import read_var_bytes


def body(frame: bytes) -> bytes:
    return read_var_bytes(frame, 1)[0]


def test_pycrdt_understands_an_announcement() -> None:
    awareness = pycrdt.Awareness(pycrdt.Doc())
    awareness.apply_awareness_update(body(message([entry(42, 1, state_json(42, 7))])), "test")
    assert awareness.states[42] == json.loads(state_json(42, 7))


def test_only_newer_entries_are_news() -> None:
    frame = message([entry(1, 3, "{}"), entry(2, 5, "{}"), entry(3, 1, "null")])
    known = {1: 3, 2: 4}
    fresh = news(read_entries(body(frame)), known)
    assert [(item.client, item.clock, item.gone) for item in fresh] == [(2, 5, False), (3, 1, True)]
    assert news(read_entries(body(frame)), known) == []


def test_an_echo_repeats_the_entries_byte_for_byte() -> None:
    frame = message([entry(1, 3, "{}"), entry(2, 5, state_json(2, 5))])
    entries = read_entries(body(frame))
    assert message([item.data for item in entries]) == frame
    assert message([entries[1].data]) == message([entry(2, 5, state_json(2, 5))])
