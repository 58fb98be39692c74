from __future__ import annotations

import pytest

from collab_server.observability.labels import MemoryKind, RoomState, Waiting


@pytest.mark.parametrize("labels", [MemoryKind, RoomState, Waiting])
def test_every_label_says_what_it_stands_for(labels: type[MemoryKind | RoomState | Waiting]) -> None:
    texts = [member.value for member in labels]
    assert len(set(texts)) == len(list(labels))
    assert all(text.strip() for text in texts)
