"""What a simulated client holds of its document, as far as it must answer a step 1 with a step 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import pycrdt

from bench.generator.updates import EMPTY_UPDATE, typed_run


class Replica(Protocol):
    def answer(self, state_vector: Mapping[int, int]) -> bytes:
        """The update that a stock client puts into its step 2 for a server at `state_vector`."""

    def synced(self) -> None:
        """The server's step 2 is here."""


class TypedReplica:
    """A typist: own characters only. What others typed came from the server, so the server has it."""

    def __init__(self, client: int) -> None:
        self.client = client
        self.clock = 0

    def answer(self, state_vector: Mapping[int, int]) -> bytes:
        return typed_run(self.client, state_vector.get(self.client, 0), self.clock)

    def synced(self) -> None:
        """Others' characters are not kept here."""


class LoadedReplica:
    """A reader with the whole document: nothing new, all deleted ranges, as `encodeStateAsUpdate` does."""

    def __init__(self, deletes: bytes) -> None:
        self._deletes = deletes
        self._loaded = False

    def answer(self, state_vector: Mapping[int, int]) -> bytes:
        return b"\x00" + self._deletes if self._loaded else EMPTY_UPDATE

    def synced(self) -> None:
        self._loaded = True


class HistoryReplica:
    """An author of a recorded history: the updates sent so far, integrated only if the server asks."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def answer(self, state_vector: Mapping[int, int]) -> bytes:
        if not self.sent:
            return EMPTY_UPDATE
        document: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc()
        for update in self.sent:
            document.apply_update(update)
        return document.get_update()

    def synced(self) -> None:
        """The history starts from an empty document."""
