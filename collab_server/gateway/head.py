"""Reading the head of an HTTP/1 request: bounded, strict, and pure (bytes in, values or a refusal out).

Owns the syntax of RFC 9112 §2–§5 as far as it decides where a connection goes. Knows no socket, no clock and
no WebSocket; who reads the request afterwards gets the same bytes again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from collab_server.errors import RemoteError

_END = b"\r\n\r\n"
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_TARGET = re.compile(rb"[^\x00-\x20\x7f]+\Z")
_VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]\Z")
_ABSOLUTE = re.compile(rb"(?i)(?:https?|wss?)://[^/?#]*")


class RefusedRequest(RemoteError):
    """A request that is answered with `status` and a sentence that says what would be right."""

    def __init__(self, status: int, sentence: str, *, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.headers = headers


@dataclass(frozen=True, slots=True)
class RequestHead:
    """Request line and headers. Header names are lower case, in the order in which they came."""

    method: str
    target: bytes
    version: str
    headers: tuple[tuple[str, str], ...]

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def tokens(self, name: str) -> list[str]:
        """The comma separated list of a header, its lines joined, in the spelling of the remote."""
        joined = ",".join(self.values(name))
        return [token for part in joined.split(",") if (token := part.strip())]


class HeadReader:
    """Collects bytes until one request head is complete. `max_bytes` counts its final empty line."""

    __slots__ = ("_buffer", "_max_bytes", "_max_headers")

    def __init__(self, *, max_bytes: int, max_headers: int) -> None:
        self._buffer = bytearray()
        self._max_bytes = max_bytes
        self._max_headers = max_headers

    @property
    def received(self) -> bytes:
        """All bytes that came, the head and what follows it, without an empty line before it."""
        return bytes(self._buffer[self._skip_empty_line() :])

    @property
    def is_empty(self) -> bool:
        return not self._buffer

    def feed(self, data: bytes) -> tuple[RequestHead, bytes] | None:
        """The head and the bytes after it, or None while it is not complete.

        Raises RefusedRequest; then nothing more may be fed.
        """
        old = len(self._buffer)
        unchecked = old - self._buffer.endswith(b"\r")
        self._buffer += data
        self._refuse_tls(old)
        start = self._skip_empty_line()
        end = self._buffer.find(_END, max(start, old - len(_END) + 1))
        size = len(self._buffer) if end < 0 else end + len(_END)
        self._refuse_bare_newline(unchecked, size)
        if size > self._max_bytes:
            raise self._too_large(start)
        if end < 0:
            return None
        head = parse_head(bytes(self._buffer[start:end]), max_headers=self._max_headers)
        return head, bytes(self._buffer[size:])

    def _skip_empty_line(self) -> int:
        """Some clients send an empty line first (RFC 9112 §2.2)."""
        return 2 if self._buffer.startswith(b"\r\n") else 0

    def _refuse_tls(self, old: int) -> None:
        if old < 2 and self._buffer.startswith(b"\x16\x03"):
            raise RefusedRequest(
                400,
                "This port does not speak TLS. Use http:// or ws://, or start with --tls-cert and --tls-key.",
            )

    def _refuse_bare_newline(self, start: int, end: int) -> None:
        if self._buffer.count(b"\n", start, end) != self._buffer.count(b"\r\n", start, end):
            raise RefusedRequest(400, "Lines of a request head end with CR LF; a bare LF came.")

    def _too_large(self, start: int) -> RefusedRequest:
        if self._buffer.find(b"\r\n", start, self._max_bytes) < 0:
            return RefusedRequest(414, f"The request line is longer than {self._max_bytes} bytes.")
        return RefusedRequest(431, f"The request head is longer than {self._max_bytes} bytes.")


def parse_head(data: bytes, *, max_headers: int) -> RequestHead:
    """Parse a head given without its final empty line. Raises RefusedRequest."""
    first, *lines = data.split(b"\r\n")
    method, target, version = _parse_request_line(first)
    if len(lines) > max_headers:
        raise RefusedRequest(431, f"The request has more than {max_headers} headers.")
    headers = tuple(_parse_header(line) for line in lines)
    if version != "HTTP/1.0" and sum(name == "host" for name, _ in headers) != 1:
        raise RefusedRequest(400, "A request needs exactly one Host header.")
    names = {name for name, _ in headers}
    if {"content-length", "transfer-encoding"} <= names:
        # Two ways to say where the body ends let requests be smuggled (RFC 9112 §6.3).
        raise RefusedRequest(400, "A request has Content-Length or Transfer-Encoding, not both.")
    return RequestHead(method, target, version, headers)


def is_token(text: str) -> bool:
    """Whether `text` is a token of RFC 9110 §5.6.2."""
    return bool(_TOKEN.match(text.encode("latin-1", "replace")))


def split_target(target: bytes) -> tuple[bytes, bytes]:
    """Path and query of a request target, of its absolute form too (RFC 9112 §3.2.2)."""
    path, _, query = target.partition(b"?")
    absolute = _ABSOLUTE.match(path)
    if absolute:
        path = path[absolute.end() :] or b"/"
    return path, query


def _parse_request_line(line: bytes) -> tuple[str, bytes, str]:
    parts = line.split(b" ")
    if len(parts) != 3 or not _TOKEN.match(parts[0]) or not _TARGET.match(parts[1]):
        raise RefusedRequest(
            400, "The request line is not: method, one space, target, one space, HTTP version."
        )
    method, target, version = parts
    if not _VERSION.match(version):
        raise RefusedRequest(400, "The request line does not end with an HTTP version.")
    if not version.startswith(b"HTTP/1."):
        raise RefusedRequest(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.")
    return method.decode("ascii"), target, version.decode("ascii")


def _parse_header(line: bytes) -> tuple[str, str]:
    name, colon, value = line.partition(b":")
    if not colon or not _TOKEN.match(name):
        raise RefusedRequest(400, "A header line is not: name, colon, value.")
    value = value.strip(b" \t")
    if _CONTROL.search(value):
        raise RefusedRequest(400, "A header value holds a control character.")
    return name.decode("ascii").lower(), value.decode("latin-1")
