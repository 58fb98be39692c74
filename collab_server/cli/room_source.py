"""Asks a running server what its rooms do.

Owns the request, its bounds, and which sentence goes with which failure.
"""

from __future__ import annotations

import ssl
from http.client import HTTPException
from ipaddress import ip_address
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPSHandler, OpenerDirector, ProxyHandler, build_opener

from pydantic import ValidationError

from collab_server.cli.room_samples import Sample
from collab_server.types import RoomOrder

_TIMEOUT_SECONDS = 5.0
#: A thousand rooms with the longest names are under 1 MB.
_MOST_BYTES = 8_000_000


class NoAnswer(Exception):
    """The server could not be asked. `hint` says what would help."""

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        self.hint = hint


class RoomSource:
    """One server at one address."""

    def __init__(self, url: str) -> None:
        """Raises NoAnswer if `url` is no address of a server."""
        self.url = url.rstrip("/")
        try:
            parts = urlsplit(self.url)
            parts.port  # noqa: B018 - raises for one that is no number
        except ValueError as error:
            raise NoAnswer(f"{url!r} is not an address: {error}.", _EXAMPLE) from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise NoAnswer(f"{url!r} is not an address of a server.", _EXAMPLE)
        self._opener = _opener(parts.hostname)

    def sample(self, by: RoomOrder, limit: int) -> Sample:
        """What the server says now. Raises NoAnswer."""
        query = urlencode({"by": by.value, "limit": limit})
        try:
            with self._opener.open(f"{self.url}/debug/rooms?{query}", timeout=_TIMEOUT_SECONDS) as answer:
                body = answer.read(_MOST_BYTES)
        except HTTPError as error:
            with error:
                raise self._refused(error.code) from error
        except (URLError, HTTPException, OSError) as error:
            raise self._silent(error) from error
        try:
            return Sample.model_validate_json(body)
        except ValidationError as error:
            raise NoAnswer(
                f"What answers at {self.url} is no collab-server, or one of another version.", _NAME_IT
            ) from error

    def _refused(self, status: int) -> NoAnswer:
        if status == 403:
            return NoAnswer(
                f"The server at {self.url} tells this only to its own machine.",
                "Run this command there, and name a loopback address, not one of a proxy.",
            )
        if status == 404:
            return NoAnswer(f"What answers at {self.url} does not know rooms.", _NAME_IT)
        return NoAnswer(f"The server at {self.url} answered with status {status}.", "Its log says why.")

    def _silent(self, error: Exception) -> NoAnswer:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, ConnectionRefusedError):
            return NoAnswer(
                f"No server listens at {self.url}.",
                "Start one with `collab-server serve`, or name its address with --url.",
            )
        if isinstance(reason, TimeoutError):
            return NoAnswer(
                f"The server at {self.url} did not answer within {_TIMEOUT_SECONDS:g} s.",
                "It hangs or is overloaded; look at its log and at the CPU of its process.",
            )
        return NoAnswer(
            f"There is no answer from {self.url}: {reason or type(error).__name__}.",
            "With TLS its address begins with https, without with http.",
        )


_EXAMPLE = "Name it as in --url http://127.0.0.1:1234."
_NAME_IT = "Name the server's address with --url, its base path included."


def _opener(host: str) -> OpenerDirector:
    # Not through a proxy of the environment: what speaks for others is not told about rooms.
    handlers: list[ProxyHandler | HTTPSHandler] = [ProxyHandler({})]
    if _is_loopback(host):
        # The certificate names the school, not this address; and nobody stands between.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        handlers.append(HTTPSHandler(context=context))
    return build_opener(*handlers)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
