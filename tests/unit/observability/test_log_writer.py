from __future__ import annotations

import io
import threading

from collab_server.observability.log_writer import LogWriter


class _StalledStream(io.StringIO):
    """A reader that takes the first line and then nothing until `resume`."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.resume = threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        assert self.resume.wait(5)
        return super().write(text)


def test_lines_arrive_in_order() -> None:
    stream = io.StringIO()
    writer = LogWriter(stream, tell_dropped=str)
    for number in range(100):
        writer.write(f"{number}\n")
    writer.close()
    assert stream.getvalue().split() == [str(number) for number in range(100)]


def test_a_reader_that_does_not_read_costs_lines_and_never_time() -> None:
    stream = _StalledStream()
    writer = LogWriter(stream, tell_dropped="{} lost".format, max_pending_bytes=20)
    writer.write("first\n")
    assert stream.reached.wait(5)
    for _ in range(10):
        writer.write("123456789\n")
    assert writer.dropped == 8
    stream.resume.set()
    writer.close(timeout_seconds=5)
    text = stream.getvalue()
    assert text.startswith("first\n123456789\n123456789\n")
    assert text.endswith("\n8 lost\n")


def test_closing_waits_only_so_long_for_a_reader() -> None:
    stream = _StalledStream()
    writer = LogWriter(stream, tell_dropped=str)
    writer.write("line\n")
    assert stream.reached.wait(5)
    writer.close(timeout_seconds=0.01)
    writer.write("after the end\n")
    stream.resume.set()
    writer.close(timeout_seconds=5)
    assert stream.getvalue() == "line\n"


class _BrokenStream(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_reader_that_is_gone_is_nobody_to_tell() -> None:
    writer = LogWriter(_BrokenStream(), tell_dropped=str)
    writer.write("line\n")
    writer.close(timeout_seconds=5)
    assert writer.write("line\n") == 5
