"""Open access: everybody is somebody else, and may do what a pupil may."""

from __future__ import annotations

import re

import pytest

from collab_server.gateway.auth import (
    AuthenticationError,
    Authenticator,
    LoopbackAccess,
    OpenAccess,
    random_user_id,
)
from collab_server.protocol.close_codes import CloseReason
from collab_server.runtime.connection import UpgradeRequest
from collab_server.types import DEFAULT_TENANT, Permission


async def test_open_access_gives_each_connection_its_own_user() -> None:
    access: Authenticator = OpenAccess()

    first = await access.authenticate(UpgradeRequest(path=b"/a"), "a")
    second = await access.authenticate(UpgradeRequest(path=b"/a"), "a")

    assert first.user != second.user
    assert first.tenant == DEFAULT_TENANT
    assert first.permissions == {Permission.READ, Permission.WRITE, Permission.CHAT}


@pytest.mark.parametrize("remote", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", ""])
async def test_loopback_access_takes_this_machine(remote: str) -> None:
    access: Authenticator = LoopbackAccess()
    identity = await access.authenticate(UpgradeRequest(path=b"/a", remote=remote), "a")
    assert Permission.WRITE in identity.permissions


@pytest.mark.parametrize("remote", ["10.0.0.1", "0.0.0.0", "::ffff:10.0.0.1", "localhost.example"])
async def test_loopback_access_says_to_others_what_would_help(remote: str) -> None:
    with pytest.raises(AuthenticationError, match=r"listen\.allow_anonymous") as caught:
        await LoopbackAccess().authenticate(UpgradeRequest(path=b"/a", remote=remote), "a")
    assert caught.value.reason is CloseReason.FORBIDDEN
    assert len(str(caught.value).encode()) <= 123


def test_user_ids_are_safe_in_urls() -> None:
    ids = {random_user_id() for _ in range(1000)}

    assert len(ids) == 1000
    assert all(re.fullmatch(r"u_[A-Za-z0-9_-]{10}", user) for user in ids)


def test_an_authentication_error_has_a_close_reason() -> None:
    error = AuthenticationError(CloseReason.FORBIDDEN, "not here")

    assert error.reason.code == 4403
    assert str(error) == "not here"
