from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from collab_server.http.page import index_at, load_page


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text('<head><base href="/" /></head>', encoding="utf-8")
    return tmp_path


def test_no_page_is_no_files(tmp_path: Path) -> None:
    assert load_page(tmp_path) == {}
    assert load_page(tmp_path / "none") == {}


def test_files_are_found_by_their_relative_path(directory: Path) -> None:
    (directory / "assets" / "a.css").write_text("a{}", encoding="utf-8")
    assert sorted(load_page(directory)) == ["assets/a.css", "index.html"]


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.svg", "image/svg+xml"),
        ("a.woff2", "font/woff2"),
        ("a.unknown", "application/octet-stream"),
    ],
)
def test_content_types_do_not_depend_on_the_machine(directory: Path, name: str, content_type: str) -> None:
    (directory / name).write_bytes(b"x")
    assert load_page(directory)[name].headers["Content-Type"] == content_type


def test_only_what_shrinks_is_compressed(directory: Path) -> None:
    (directory / "large.js").write_bytes(b"let a;\n" * 1000)
    (directory / "large.png").write_bytes(b"\0" * 7000)
    (directory / "small.js").write_bytes(b"let a;")
    files = load_page(directory)
    large = files["large.js"]
    assert large.compressed is not None
    assert gzip.decompress(large.compressed) == large.content
    assert files["large.png"].compressed is None
    assert files["small.js"].compressed is None


def test_the_base_path_is_written_into_the_page(directory: Path) -> None:
    content = load_page(directory)["index.html"].content
    plain, moved = index_at(content, ""), index_at(content, "/school")
    assert b'<base href="/" />' in plain.content
    assert b'<base href="/school/" />' in moved.content
    assert plain.headers["ETag"] != moved.headers["ETag"]


def test_a_base_path_cannot_leave_its_attribute(directory: Path) -> None:
    content = load_page(directory)["index.html"].content
    assert b'<base href="/a%22%3E%3Cb/" />' in index_at(content, '/a"><b').content
