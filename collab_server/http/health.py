"""Whether this server lives and whether it should be sent people.

Owns the reasons for not being ready; the application says which of them hold.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Protocol

from fastapi import APIRouter
from fastapi.responses import JSONResponse

_NO_STORE = {"Cache-Control": "no-store"}


class NotReady(StrEnum):
    """Why nobody new should be sent here now."""

    STARTING = "starting"
    DRAINING = "draining"
    JOURNAL_FAILING = "journal_failing"
    AT_CAPACITY = "at_capacity"


class HealthPort(Protocol):
    """What the application knows about itself. Read at each request; must not wait."""

    def not_ready(self) -> Collection[NotReady]:
        """The reasons that hold now; empty means ready."""


def health_routes(health: HealthPort) -> APIRouter:
    """`/livez`: restart me if this does not answer. `/readyz`: 503 while nobody new should come."""
    router = APIRouter()

    @router.api_route("/livez", methods=["GET", "HEAD"])
    async def livez() -> JSONResponse:
        return JSONResponse({"alive": True}, headers=_NO_STORE)

    @router.api_route("/readyz", methods=["GET", "HEAD"])
    async def readyz() -> JSONResponse:
        reasons = sorted(health.not_ready())
        body = {"ready": not reasons, "reasons": reasons}
        return JSONResponse(body, status_code=503 if reasons else 200, headers=_NO_STORE)

    return router
