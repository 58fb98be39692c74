from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException

from collab_server.http.problems import ProblemResponse, answer_errors_as_problems


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    answer_errors_as_problems(app)

    @app.get("/count")
    async def count(number: int) -> int:
        return number

    @app.get("/fails")
    async def fails() -> None:
        raise RuntimeError("token=abc in /secret/path")

    @app.get("/refuses")
    async def refuses() -> None:
        raise HTTPException(429, "Wait a second.", headers={"Retry-After": "1"})

    return app


async def _get(app: FastAPI, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path)


async def test_a_raised_error_keeps_its_sentence_and_headers(app: FastAPI) -> None:
    answer = await _get(app, "/refuses")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Too Many Requests",
        "status": 429,
        "detail": "Wait a second.",
    }


async def test_a_wrong_request_names_the_place_and_not_the_value(app: FastAPI) -> None:
    answer = await _get(app, "/count?number=secret")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"] == "query.number"
    assert "secret" not in answer.text


async def test_our_own_fault_shows_nothing_of_the_inside(app: FastAPI) -> None:
    answer = await _get(app, "/fails")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert "token" not in answer.text


def test_further_members_stand_beside_the_standard_ones() -> None:
    assert b'"errors":[]' in ProblemResponse(422, errors=[]).body
