from __future__ import annotations

import pytest

from collab_server.http.security import content_security_policy


def _connect(host: bytes) -> list[str]:
    policy = dict(part.strip().split(" ", 1) for part in content_security_policy(host).split(";"))
    return policy["connect-src"].split()


@pytest.mark.parametrize("host", ["127.0.0.1:1234", "school.example", "[::1]:1234", "localhost"])
def test_the_page_may_talk_to_its_own_server_alone(host: str) -> None:
    assert _connect(host.encode()) == ["'self'", f"ws://{host}", f"wss://{host}"]


@pytest.mark.parametrize(
    "host", [b"", b"a b", b"a; script-src *", b"*", b"a:1:2", b"a\r\nX: y", b"\xff", b"https://evil.example"]
)
def test_a_strange_host_adds_nothing(host: bytes) -> None:
    assert _connect(host) == ["'self'"]


def test_all_else_is_forbidden_unless_named() -> None:
    policy = content_security_policy(b"h")
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe-eval" not in policy
