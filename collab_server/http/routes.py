"""The HTTP application: which path is answered by what.

Owns the routes. Health is the application's to know, numbers are `Metrics`', files are `page`'s.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from collab_server import __version__
from collab_server.http.debug import RoomsPort, rooms_route
from collab_server.http.health import HealthPort, health_routes
from collab_server.http.local import is_local
from collab_server.http.page import INDEX, NOT_BUILT, PAGE_DIRECTORY, PageFile, index_at, load_page
from collab_server.http.problems import ProblemResponse, answer_errors_as_problems
from collab_server.http.security import SecurityHeaders
from collab_server.observability import Metrics
from collab_server.observability.exposition import CONTENT_TYPE, Exposition

_GET = ["GET", "HEAD"]


def create_http_app(
    *,
    health: HealthPort,
    metrics: Metrics,
    before_scrape: Callable[[], Awaitable[None]] | None = None,
    rooms: RoomsPort | None = None,
    page_directory: Path = PAGE_DIRECTORY,
    base_path: str = "",
) -> ASGIApp:
    """Everything that is not a WebSocket. Reads the page from `page_directory` now and never again.

    `before_scrape` brings those numbers of `metrics` up to date that somebody else keeps; `rooms` tells of
    the rooms.
    """
    # FastAPI's own documentation pages load scripts from another site; ours must not.
    app = FastAPI(
        title="collab-server",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    answer_errors_as_problems(app)
    app.include_router(health_routes(health))
    app.include_router(_metrics_route(metrics, before_scrape))
    if rooms is not None:
        app.include_router(rooms_route(rooms))
    app.include_router(_page_routes(load_page(page_directory)))
    return SecurityHeaders(_UnderBasePath(app, base_path) if base_path else app)


class _UnderBasePath:
    """Answers under the base path and without it: proxies differ in whether they strip it."""

    def __init__(self, app: ASGIApp, base_path: str) -> None:
        self._app = app
        self._base_path = base_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == self._base_path:
            # Without scheme and host: behind a proxy they are not known here.
            await RedirectResponse(f"{self._base_path}/")(scope, receive, send)
            return
        await self._app({**scope, "root_path": self._base_path}, receive, send)


def _metrics_route(metrics: Metrics, before_scrape: Callable[[], Awaitable[None]] | None) -> APIRouter:
    router = APIRouter()
    exposition = Exposition(metrics)

    @router.api_route("/metrics", methods=_GET)
    async def read_metrics(request: Request) -> Response:
        if not is_local(request):
            return ProblemResponse(403, "Metrics are only for requests that come from this machine directly.")
        if before_scrape is not None:
            await before_scrape()
        return PlainTextResponse(
            exposition.render(), media_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"}
        )

    return router


def _page_routes(files: Mapping[str, PageFile]) -> APIRouter:
    router = APIRouter()

    def index(request: Request) -> PageFile:
        # Where the page is found is told by the server before us, if we are mounted, or by our own setting.
        built = files.get(INDEX)
        return NOT_BUILT if built is None else index_at(built.content, request.scope["root_path"])

    @router.api_route("/", methods=_GET)
    @router.api_route("/notes", methods=_GET)
    @router.api_route("/notes/{path:path}", methods=_GET)
    async def page(request: Request) -> Response:
        return _send_file(index(request), request)

    @router.api_route("/{path:path}", methods=_GET)
    async def file(path: str, request: Request) -> Response:
        found = files.get(path)
        if found is not None:
            return _send_file(found, request)
        if INDEX in files and "text/html" in request.headers.get("accept", ""):
            # A person with a wrong address: the page says so in its own words.
            return _send_file(index(request), request, status=404)
        return ProblemResponse(
            404, "There is nothing here. Rooms are reached by WebSocket at the same address."
        )

    return router


def _send_file(file: PageFile, request: Request, *, status: int = 200) -> Response:
    etag = file.headers.get("ETag")
    if status == 200 and etag is not None and etag in request.headers.get("if-none-match", ""):
        return Response(
            status_code=304, headers={"ETag": etag, "Cache-Control": file.headers["Cache-Control"]}
        )
    if file.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        headers = {**file.headers, "Content-Encoding": "gzip"}
        return Response(file.compressed, status_code=status, headers=headers)
    return Response(file.content, status_code=status, headers=dict(file.headers))
