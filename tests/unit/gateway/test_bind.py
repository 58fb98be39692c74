"""Which addresses may be listened on while anybody may connect."""

from __future__ import annotations

import pytest

from collab_server.errors import ConfigError
from collab_server.gateway.bind import check_bind, is_loopback


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("::ffff:10.0.0.1", False),
        ("192.168.1.5", False),
        ("fe80::1%eth0", False),
    ],
)
def test_loopback(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected


def test_loopback_needs_no_permission() -> None:
    check_bind("localhost", ["127.0.0.1", "::1"], allow_anonymous=False)


def test_an_address_that_others_reach_is_refused_with_advice() -> None:
    with pytest.raises(ConfigError, match=r"classroom.*\(192\.168\.1\.5\).*--allow-anonymous"):
        check_bind("classroom", ["127.0.0.1", "192.168.1.5"], allow_anonymous=False)


def test_unless_it_is_asked_for() -> None:
    check_bind("0.0.0.0", ["0.0.0.0"], allow_anonymous=True)
