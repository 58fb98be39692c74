from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from collab_server.errors import ConfigError
from collab_server.runtime.scratch import Scratch, user_scratch


def _scratch(root: Path) -> Scratch:
    scratch = Scratch(root)
    scratch.open()
    return scratch


def test_nobody_else_can_look_into_it(tmp_path: Path) -> None:
    root = tmp_path / "a" / "scratch"
    root.parent.mkdir()
    root.mkdir(mode=0o755)
    path = _scratch(root).new_path()
    for directory in (root, path.parent):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_names_are_new_each_time(tmp_path: Path) -> None:
    first, second = _scratch(tmp_path / "s"), _scratch(tmp_path / "s")
    names = {scratch.new_path() for scratch in (first, second) for _ in range(3)}
    assert len(names) == 6
    assert not any(name.exists() for name in names)


def test_closing_leaves_the_root_alone(tmp_path: Path) -> None:
    scratch = _scratch(tmp_path / "s")
    scratch.new_path().write_bytes(b"x")
    scratch.close()
    scratch.close()
    assert os.listdir(tmp_path / "s") == []


def test_what_a_crash_left_is_swept_and_what_lives_is_kept(tmp_path: Path) -> None:
    root = tmp_path / "s"
    living = _scratch(root)
    kept = living.new_path()
    kept.write_bytes(b"x")
    left = root / "worker-left"
    left.mkdir()
    (left / "1").write_bytes(b"x")
    mine = _scratch(root)
    assert not left.exists()
    assert kept.read_bytes() == b"x"
    living.close()
    mine.close()


def test_a_root_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "s").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="must be a directory of the user"):
        _scratch(tmp_path / "s")


def test_links_in_it_are_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "s", tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_bytes(b"x")
    root.mkdir()
    (root / "worker-link").symlink_to(outside)
    _scratch(root).close()
    assert (outside / "precious").exists()


def test_commands_have_a_root_of_their_user() -> None:
    assert user_scratch().name.endswith(str(os.geteuid()))
