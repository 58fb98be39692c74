"""From updates to a live document of Yrs, or a refusal that says why.

Owns what is asked of the bytes before Yrs sees them. The scan refuses what makes Yrs panic, hang or allocate
without end; the worker's limits are for what a scan cannot see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pycrdt import Doc

from collab_server.engine.job import NotLoadable
from collab_server.errors import InvalidUpdate
from collab_server.updates import STORED_LIMITS, Outline, decode_state_vector, scan


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document, what its roots are, and whether Yrs took all that the updates hold."""

    doc: Doc[Any]
    outline: Outline
    complete: bool


def load(updates: Sequence[bytes]) -> Loaded:
    """Integrate updates in their order. Raises NotLoadable; Yrs may panic besides, which is the worker's to
    catch.
    """
    doc: Doc[Any] = Doc()
    outline = Outline()
    with doc.transaction():
        for number, update in enumerate(updates):
            try:
                outline.add(scan(update, STORED_LIMITS).structs)
                doc.apply_update(update)
            except (InvalidUpdate, ValueError) as error:
                raise NotLoadable(f"update {number + 1} of {len(updates)}: {_reason(error)}") from error
    return Loaded(doc, outline, _state(doc) == outline.state)


def _state(doc: Doc[Any]) -> dict[int, int]:
    return decode_state_vector(doc.get_state(), max_clients=1 << 31)


def _reason(error: InvalidUpdate | ValueError) -> str:
    """Yrs' own words up to where they quote the document: "Cannot decode update: JSON parsing error: …"."""
    return str(error) if isinstance(error, InvalidUpdate) else ": ".join(str(error).split(": ")[:2])
