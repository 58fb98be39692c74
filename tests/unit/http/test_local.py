"""Who counts as this machine: no proxy that speaks for others, no foreign site under a borrowed name."""

from __future__ import annotations

import pytest
from fastapi import Request

from collab_server.http.local import is_local


def _request(*, client: str | None = "127.0.0.1", **headers: str) -> Request:
    named = {"host": "localhost:1234", **headers}
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in named.items()]
    return Request({"type": "http", "headers": raw, "client": client and (client, 5000)})


@pytest.mark.parametrize("client", ["127.0.0.1", "127.9.9.9", "::1"])
def test_from_here(client: str) -> None:
    assert is_local(_request(client=client))


@pytest.mark.parametrize("client", [None, "10.0.0.7", "2001:db8::1", "not an address"])
def test_from_elsewhere(client: str | None) -> None:
    assert not is_local(_request(client=client))


@pytest.mark.parametrize("header", ["x_forwarded_for", "forwarded", "x_real_ip", "via"])
def test_a_proxy_here_speaks_for_others(header: str) -> None:
    assert not is_local(_request(**{header: "127.0.0.1"}))


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "localhost.", "127.0.0.1:1234", "127.1.2.3", "[::1]:1234", "[::1]"]
)
def test_asked_for_under_its_own_address(host: str) -> None:
    assert is_local(_request(host=host))


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:1234",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "[::1",
        "10.0.0.7",
        "[2001:db8::1]:1234",
    ],
)
def test_a_name_that_was_made_to_mean_this_machine_is_foreign(host: str) -> None:
    """Story: DNS rebinding lets any site's page read what 127.0.0.1 answers; the Host gives it away."""
    assert not is_local(_request(host=host))


def test_whoever_names_no_host_is_no_browser() -> None:
    request = Request({"type": "http", "headers": [], "client": ("127.0.0.1", 5000)})
    assert is_local(request)
