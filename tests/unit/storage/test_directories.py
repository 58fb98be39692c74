"""A directory that was made is still there after a power cut; tests/durability/test_power_cut.py cuts it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from collab_storage.directories import make_directory, sync_directory


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The paths that were synced, in their order."""
    paths: list[Path] = []

    def fsync(descriptor: int) -> None:
        paths.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))

    monkeypatch.setattr(os, "fsync", fsync)
    return paths


def test_every_name_that_is_new_is_synced_where_it_stands(tmp_path: Path, synced: list[Path]) -> None:
    make_directory(tmp_path / "school" / "data")
    assert (tmp_path / "school" / "data").is_dir()
    assert synced == [tmp_path, tmp_path / "school"]


def test_a_directory_that_is_there_may_have_been_made_by_somebody_who_was_killed(
    tmp_path: Path, synced: list[Path]
) -> None:
    make_directory(tmp_path)
    assert synced == [tmp_path.parent]


def test_a_parent_that_may_not_be_read_is_somebody_elses_to_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    make_directory(tmp_path)
    with pytest.raises(PermissionError):
        make_directory(tmp_path / "new")


def test_what_cannot_be_synced_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        sync_directory(tmp_path / "absent")
