"""Errors over HTTP in one shape: `application/problem+json` (RFC 9457).

Owns the shape. Says what to do about it where that is known, and never what is inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from collab_server.observability import Event, get_logger

_log = get_logger(__name__)


class ProblemResponse(JSONResponse):
    """One problem. `detail` is a sentence for people; `extra` are further members."""

    media_type = "application/problem+json"

    def __init__(
        self, status: int, detail: str = "", *, headers: Mapping[str, str] | None = None, **extra: Any
    ) -> None:
        problem = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
        }
        super().__init__(
            problem | extra, status_code=status, headers={"Cache-Control": "no-store", **(headers or {})}
        )


def answer_errors_as_problems(app: FastAPI) -> None:
    """Install the handlers for everything that can be raised while a request is answered."""
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(Exception, _our_fault)


async def _http_error(_request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    detail = "" if error.detail == phrase else str(error.detail)
    return ProblemResponse(error.status_code, detail, headers=error.headers)


async def _invalid_request(_request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, RequestValidationError)
    # What was sent is left out: it may be a token or somebody's text.
    errors = [{"where": ".".join(map(str, each["loc"])), "problem": each["msg"]} for each in error.errors()]
    return ProblemResponse(422, "The request does not have the expected form.", errors=errors)


async def _our_fault(request: Request, error: Exception) -> ProblemResponse:
    _log.error(Event.REQUEST_FAILED, path=request.url.path, exc_info=error)
    return ProblemResponse(500, "Something failed here. Trying again may help.")
