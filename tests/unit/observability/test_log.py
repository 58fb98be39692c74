from __future__ import annotations

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from collab_server.config import LogFormat, LogLevel, LogSettings
from collab_server.observability import Event, get_logger
from collab_server.observability.log import configure_logging, log_uncaught_errors, writes_text
from collab_server.observability.log_writer import MAX_PENDING_BYTES


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def _logged(
    act: Callable[[], None], *, level: LogLevel = LogLevel.INFO, log_format: LogFormat = LogFormat.JSON
) -> str:
    stream = io.StringIO()
    writer = configure_logging(LogSettings(format=log_format, level=level), stream=stream)
    act()
    writer.close(timeout_seconds=5)
    return stream.getvalue()


def _lines(act: Callable[[], None], *, level: LogLevel = LogLevel.INFO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _logged(act, level=level).splitlines()]


def test_a_line_is_one_object_with_its_time_in_utc() -> None:
    (line,) = _lines(lambda: get_logger("collab_server.server").info(Event.SERVER_READY, port=5))
    assert list(line) == ["timestamp", "level", "event", "logger", "port"]
    assert line["timestamp"].endswith("Z")
    assert (line["level"], line["event"], line["logger"]) == ("info", "server_ready", "collab_server.server")
    assert line["port"] == 5


def test_lines_of_libraries_take_the_same_way() -> None:
    (line,) = _lines(lambda: logging.getLogger("hypercorn.error").warning("got ?token=%s", "abc"))
    assert (line["level"], line["event"], line["logger"]) == ("warning", "got ?token=***", "hypercorn.error")


def test_lines_that_were_dropped_are_told_as_a_line() -> None:
    class Stalled(io.StringIO):
        reached, resume = threading.Event(), threading.Event()

        def write(self, text: str) -> int:
            self.reached.set()
            assert self.resume.wait(5)
            return super().write(text)

    stream = Stalled()
    writer = configure_logging(LogSettings(format=LogFormat.JSON), stream=stream)
    log = get_logger("x")
    log.info(Event.SERVER_READY)
    assert stream.reached.wait(5)
    writer.write("x" * (MAX_PENDING_BYTES - 1) + "\n")
    for _ in range(3):
        log.info(Event.SERVER_READY)
    stream.resume.set()
    writer.close(timeout_seconds=5)
    told = json.loads(stream.getvalue().splitlines()[-1])
    assert (told["event"], told["level"], told["lines"]) == ("log_lines_dropped", "warning", 3)


def test_warnings_are_lines() -> None:
    def warn() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("old", DeprecationWarning, stacklevel=1)

    (line,) = _lines(warn)
    assert line["logger"] == "py.warnings"


@pytest.mark.parametrize("log_format", [LogFormat.JSON, LogFormat.TEXT])
def test_a_traceback_shows_no_variables_and_no_secrets(log_format: LogFormat) -> None:
    def fail() -> None:
        content = "the content of a note"
        try:
            raise ValueError(f"token=abc {len(content)}")
        except ValueError:
            get_logger("x").exception(Event.TASK_FAILED)

    text = _logged(fail, log_format=log_format)
    assert "ValueError: token=*** 21" in text
    assert "the content of a note" not in text.replace('content = "the content of a note"', "")


def test_the_level_holds_for_all() -> None:
    def act() -> None:
        get_logger("x").info(Event.ROOM_OPENED)
        logging.getLogger("y").info("hm")
        get_logger("x").warning(Event.SAVE_FAILED)

    assert [line["event"] for line in _lines(act, level=LogLevel.WARNING)] == ["save_failed"]


def test_libraries_that_would_log_content_are_silent_at_debug() -> None:
    def act() -> None:
        logging.getLogger("aiosqlite").debug("insert %r", b"content")
        logging.getLogger("collab_server.x").debug("seen")

    assert [line["event"] for line in _lines(act, level=LogLevel.DEBUG)] == ["seen"]


def test_auto_is_text_on_a_terminal_and_json_elsewhere() -> None:
    assert writes_text(LogFormat.AUTO, _Terminal())
    assert not writes_text(LogFormat.AUTO, io.StringIO())
    assert writes_text(LogFormat.TEXT, io.StringIO())
    assert not writes_text(LogFormat.JSON, _Terminal())


def test_text_is_one_readable_line() -> None:
    text = _logged(lambda: get_logger("x").info(Event.ROOM_OPENED, room="a/b"), log_format=LogFormat.TEXT)
    assert "[info     ] room_opened" in text
    assert "room=a/b" in text


def test_a_thread_that_fails_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    # Put back what pytest has installed, at the end.
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)

    def act() -> None:
        log_uncaught_errors()
        thread = threading.Thread(target=lambda: 1 / 0, name="divider")
        thread.start()
        thread.join()

    (line,) = _lines(act)
    assert (line["event"], line["thread"]) == ("thread_failed", "divider")
    assert "ZeroDivisionError" in line["exception"]


class _FailsAtItsEnd:
    def __del__(self) -> None:
        raise ValueError("token=abc")


def test_a_finalizer_that_fails_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)

    def act() -> None:
        log_uncaught_errors()
        _FailsAtItsEnd()

    (line,) = _lines(act)
    assert line["event"] == "unraisable_error"
    assert line["exception"].endswith("ValueError: token=***")
