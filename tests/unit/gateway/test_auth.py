"""Open access: everybody is somebody else, and may do what a pupil may."""

from __future__ import annotations

import re

from collab_server.gateway.auth import AuthenticationError, Authenticator, OpenAccess, random_user_id
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
    assert not first.can(Permission.MODERATE)


def test_user_ids_are_safe_in_urls() -> None:
    ids = {random_user_id() for _ in range(1000)}

    assert len(ids) == 1000
    assert all(re.fullmatch(r"u_[A-Za-z0-9_-]{10}", user) for user in ids)


def test_an_authentication_error_has_a_close_reason() -> None:
    error = AuthenticationError(CloseReason.FORBIDDEN, "not here")

    assert error.reason.code == 4403
    assert str(error) == "not here"
