"""Asking a server: what is asked, and which sentence goes with which failure."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from collab_server.cli import room_source
from collab_server.cli.room_source import NoAnswer, RoomSource
from collab_server.types import RoomOrder
from tests.unit.cli.room_answers import answer, room


@contextmanager
def serving(*answers: tuple[int, Any]) -> Iterator[tuple[str, list[str]]]:
    """A server that gives these answers in turn, the last again and again; its address, what was asked."""
    asked: list[str] = []
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status, body = left.pop(0) if len(left) > 1 else left[0]
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def _failure(url: str) -> NoAnswer:
    with pytest.raises(NoAnswer) as caught:
        RoomSource(url).sample(RoomOrder.BYTES, 5)
    return caught.value


def test_a_server_is_asked_under_its_base_path() -> None:
    with serving((200, answer(room("maths")))) as (url, asked):
        sample = RoomSource(f"{url}/collab/").sample(RoomOrder.EDITS, 7)
    assert sample.rooms[0].room == "maths"
    assert asked == ["/collab/debug/rooms?by=edits&limit=7"]


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with serving((200, answer())) as (url, _):
        assert RoomSource(url).sample(RoomOrder.BYTES, 1).rooms == ()


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        failure = _failure(f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert "No server listens" in str(failure)
    assert "collab-server serve" in failure.hint


def test_one_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_source, "_TIMEOUT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "did not answer" in str(_failure(f"http://127.0.0.1:{silent.getsockname()[1]}"))


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (403, {}, "only to its own machine"),
        (404, {}, "does not know rooms"),
        (500, {}, "status 500"),
        (200, b"<html>", "no collab-server"),
        (200, {"rooms": []}, "another version"),
    ],
)
def test_every_failure_has_its_sentence(status: int, body: Any, expected: str) -> None:
    with serving((status, body)) as (url, _):
        failure = _failure(url)
    assert expected in str(failure)
    assert failure.hint


def test_the_wrong_scheme_is_explained() -> None:
    with serving((200, {})) as (url, _):
        assert "https" in _failure(url.replace("http", "https")).hint


@pytest.mark.parametrize(
    "url", ["", "nonsense", "localhost:1234", "ftp://127.0.0.1", "http://", "http://[::1", "http://a:b"]
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(NoAnswer, match="not an address") as caught:
        RoomSource(url)
    assert "--url" in caught.value.hint
