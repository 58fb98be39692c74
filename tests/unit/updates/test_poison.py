"""The poison corpus against scanner and index: refused whole, or accepted without harm."""

from __future__ import annotations

import pytest

from collab_server.errors import InvalidUpdate
from collab_server.updates import Index, decode_state_vector, encode_update, scan
from tests.support.poison import POISON, Poison

UPDATES = [poison for poison in POISON if poison.kind == "update"]
STATE_VECTORS = [poison for poison in POISON if poison.kind == "state_vector"]


def _name(poison: Poison) -> str:
    return poison.name


def _verdict(poison: Poison) -> str:
    try:
        if poison.kind == "update":
            scan(poison.data)
        else:
            decode_state_vector(poison.data)
    except InvalidUpdate as error:
        return error.reason.value
    return "accepted"


@pytest.mark.parametrize("poison", POISON, ids=_name)
def test_verdict(poison: Poison) -> None:
    assert _verdict(poison) == poison.expected


def test_names_are_unique() -> None:
    names = [(poison.kind, poison.name) for poison in POISON]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("poison", [p for p in UPDATES if p.expected == "accepted"], ids=_name)
def test_what_is_accepted_is_clipped_to_what_is_known(poison: Poison) -> None:
    index = Index()
    accepted = index.integrate(scan(poison.data))
    assert all(end <= index.state.get(client, 0) for client, _, end in accepted.deletes)
    again = Index().integrate(scan(encode_update(accepted.runs, accepted.deletes)))
    assert not again.held
    assert not again.dropped_deletes


def test_two_structs_that_name_each_other_stay_held() -> None:
    (poison,) = [p for p in UPDATES if "name each other" in p.name]
    index = Index()
    accepted = index.integrate(scan(poison.data))
    assert not accepted.runs
    assert {run.client for run in accepted.held} == {1, 2}
    assert index.state == {}
