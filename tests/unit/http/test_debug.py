"""`/debug/rooms`: bounded, for this machine alone, and clear about what it does not know."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from collab_server.http.debug import MOST_ROOMS, rooms_route
from collab_server.http.problems import answer_errors_as_problems
from collab_server.types import RoomOrder

ASKED: list[tuple[RoomOrder, int]] = []


async def _rooms(by: RoomOrder, limit: int) -> Mapping[str, Any]:
    ASKED.append((by, limit))
    return {"rooms": [], "by": by}


def _client(remote: str = "127.0.0.1") -> httpx.AsyncClient:
    app = FastAPI()
    answer_errors_as_problems(app)
    app.include_router(rooms_route(_rooms))
    transport = httpx.ASGITransport(app=app, client=(remote, 5000))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:1234")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    ASKED.clear()
    async with _client() as client:
        yield client


async def test_it_asks_for_a_few_of_the_largest(client: httpx.AsyncClient) -> None:
    answer = await client.get("/debug/rooms")
    assert (answer.status_code, answer.json()) == (200, {"rooms": [], "by": "bytes"})
    assert answer.headers["cache-control"] == "no-store"
    await client.get("/debug/rooms?by=edits&limit=7")
    assert ASKED == [(RoomOrder.BYTES, 20), (RoomOrder.EDITS, 7)]


@pytest.mark.parametrize("limit", ["0", "-1", str(MOST_ROOMS + 1), "many"])
async def test_the_answer_is_bounded(client: httpx.AsyncClient, limit: str) -> None:
    assert (await client.get(f"/debug/rooms?limit={limit}")).status_code == 422
    assert ASKED == []


async def test_an_unknown_order_is_named(client: httpx.AsyncClient) -> None:
    answer = await client.get("/debug/rooms?by=smell")
    assert answer.status_code == 422
    assert "'bytes', 'sessions' or 'edits'" in answer.text


async def test_no_other_machine_is_told(client: httpx.AsyncClient) -> None:
    async with _client("10.0.0.7") as other:
        assert (await other.get("/debug/rooms")).status_code == 403
    for headers in ({"X-Forwarded-For": "127.0.0.1"}, {"Host": "evil.example"}):
        assert (await client.get("/debug/rooms", headers=headers)).status_code == 403
    assert ASKED == []
