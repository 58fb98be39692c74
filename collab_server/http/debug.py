"""`/debug/rooms`: which rooms are busy now, for `collab-server rooms top` and people with curl.

Owns the query and its bounds. What is told of a room is the application's; room names are in it, so it is
answered to this machine alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from collab_server.http.local import is_local
from collab_server.http.problems import ProblemResponse
from collab_server.types import RoomOrder

#: Rooms in one answer.
MOST_ROOMS = 1_000

#: Answers (by, limit) with what is to be sent as JSON.
RoomsPort = Callable[[RoomOrder, int], Awaitable[Mapping[str, Any]]]

_Limit = Annotated[int, Query(ge=1, le=MOST_ROOMS)]


def rooms_route(rooms: RoomsPort) -> APIRouter:
    router = APIRouter()

    # The parameters are looked at before the address is: what is wrong with them tells nobody anything.
    @router.get("/debug/rooms")
    async def read_rooms(request: Request, by: RoomOrder = RoomOrder.BYTES, limit: _Limit = 20) -> Response:
        if not is_local(request):
            return ProblemResponse(
                403, "Rooms are only told to requests that come from this machine directly."
            )
        return JSONResponse(await rooms(by, limit), headers={"Cache-Control": "no-store"})

    return router
