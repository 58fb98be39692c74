"""Somebody's application, with the server mounted in it. Run by Hypercorn in `tests/interop/test_asgi.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import collab_server.asgi

MOUNTED_AT = "/school/collab"


@asynccontextmanager
async def _lifespan(_host: FastAPI) -> AsyncIterator[None]:
    async with collab_server.asgi.lifespan():
        yield


host = FastAPI(lifespan=_lifespan)
host.mount(MOUNTED_AT, collab_server.asgi.app)

#: The same by somebody who has forgotten the lifespan.
forgetful_host = FastAPI()
forgetful_host.mount(MOUNTED_AT, collab_server.asgi.app)


@host.get("/lessons")
async def lessons() -> list[str]:
    return ["biology"]
