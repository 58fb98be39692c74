"""How log lines are made: one chain of processors for our lines and those of every library.

Owns format, level and the route to stderr. Knows nothing of what is logged; `events` has the names.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Mapping
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from collab_server.config import LogFormat, LogLevel, LogSettings
from collab_server.observability.events import Event
from collab_server.observability.log_writer import LogWriter
from collab_server.observability.redaction import redact

Logger = FilteringBoundLogger

_LEVELS = {level: getattr(logging, level.upper()) for level in LogLevel}

# At `debug` these write every statement or frame with its content; only their warnings concern anybody.
_TALKATIVE = ("aiosqlite", "asyncio", "hpack", "hypercorn", "picows", "sqlite_anyio")

_FIRST_KEYS = ("timestamp", "level", "event", "logger")


def get_logger(name: str) -> Logger:
    """The logger of a module; call with `__name__` and log `Event` members."""
    return cast(Logger, structlog.get_logger(name))


class _Lines:
    """Where our own finished lines go: past `logging`, which would double what a line costs."""

    __slots__ = ("_writer", "name")

    def __init__(self, name: str, writer: LogWriter) -> None:
        self.name = name
        self._writer = writer

    def _write(self, line: str) -> None:
        self._writer.write(line + "\n")

    debug = info = warning = error = critical = _write


def configure_logging(settings: LogSettings, *, stream: TextIO | None = None) -> LogWriter:
    """Route all logging of the process to `stream` (stderr). Close the writer at the very end."""
    target = sys.stderr if stream is None else stream
    finish = _finish(text=writes_text(settings.format, target), colors=target.isatty())
    writer = LogWriter(target, tell_dropped=lambda lines: _lines_dropped(lines, finish))
    level = _LEVELS[settings.level]
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, _add_name, *_begin(), *finish],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda name="": _Lines(name, writer),
    )
    _route_libraries(writer, level=level, finish=finish)
    return writer


def _lines_dropped(lines: int, finish: list[Processor]) -> str:
    """The line that says so, made here because a logger would write it to the queue that is full."""
    event: Any = {"event": Event.LOG_LINES_DROPPED, "logger": __name__, "lines": lines}
    for process in (*_begin(), *finish):
        event = process(None, "warning", event)
    return str(event)


def _route_libraries(writer: LogWriter, *, level: int, finish: list[Processor]) -> None:
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *_begin()],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *finish],
    )
    handler = logging.StreamHandler(cast(TextIO, writer))
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, level))
    logging.captureWarnings(True)


def log_uncaught_errors() -> None:
    """Send what the interpreter would print to stderr by itself (threads, finalizers) through the log."""
    log = get_logger(__name__)

    def thread_failed(args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread is not None else ""
        log.error(Event.THREAD_FAILED, thread=name, exc_info=args.exc_value)

    def unraisable(args: sys.UnraisableHookArgs) -> None:
        log.error(Event.UNRAISABLE_ERROR, where=args.err_msg or "", exc_info=args.exc_value)

    threading.excepthook = thread_failed
    sys.unraisablehook = unraisable


def writes_text(log_format: LogFormat, stream: TextIO) -> bool:
    """Whether lines for people are meant, rather than JSON."""
    return log_format is LogFormat.TEXT or (log_format is LogFormat.AUTO and stream.isatty())


def _add_name(logger: _Lines, _method: str, event: EventDict) -> EventDict:
    event["logger"] = logger.name
    return event


def _begin() -> list[Processor]:
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _finish(*, text: bool, colors: bool) -> list[Processor]:
    # Tracebacks become text before redaction, and without local variables: those hold tokens and content.
    return [
        structlog.processors.format_exc_info,
        redact,
        _order_keys,
        _text_renderer(colors=colors) if text else structlog.processors.JSONRenderer(ensure_ascii=False),
    ]


def _text_renderer(*, colors: bool) -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(
        colors=colors, pad_event_to=22, exception_formatter=structlog.dev.plain_traceback
    )


def _order_keys(_logger: object, _method: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """What a reader looks for first comes first."""
    first = {key: event[key] for key in _FIRST_KEYS if key in event}
    return first | {key: value for key, value in event.items() if key not in first}
