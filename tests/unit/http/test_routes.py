from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from collab_server.http import NotReady, create_http_app
from collab_server.observability import Metrics


class _Health:
    def __init__(self, *reasons: NotReady) -> None:
        self.reasons = set(reasons)

    def not_ready(self) -> set[NotReady]:
        return self.reasons


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text('<base href="/" /><p>the page</p>', encoding="utf-8")
    (tmp_path / "assets" / "main-1a2b.js").write_text("let a = 1;\n" * 500, encoding="utf-8")
    (tmp_path / "favicon.svg").write_text("<svg/>", encoding="utf-8")
    return tmp_path


@pytest.fixture
def health() -> _Health:
    return _Health()


@pytest.fixture
async def client(page: Path, health: _Health) -> AsyncIterator[httpx.AsyncClient]:
    async with _client(page, health=health) as client:
        yield client


def _client(
    page: Path,
    *,
    health: _Health | None = None,
    remote: str = "127.0.0.1",
    base_path: str = "",
    host: str = "school.example:1234",
) -> httpx.AsyncClient:
    app = create_http_app(
        health=health or _Health(), metrics=Metrics(), page_directory=page, base_path=base_path
    )
    transport = httpx.ASGITransport(app=app, client=(remote, 5000), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=f"http://{host}")


async def test_it_lives(client: httpx.AsyncClient) -> None:
    answer = await client.get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"alive": True})
    assert answer.headers["cache-control"] == "no-store"


async def test_ready_is_200(client: httpx.AsyncClient) -> None:
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "reasons": []})


async def test_not_ready_is_503_with_all_reasons(client: httpx.AsyncClient, health: _Health) -> None:
    health.reasons = {NotReady.JOURNAL_FAILING, NotReady.DRAINING}
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "reasons": ["draining", "journal_failing"]}
    assert (await client.get("/livez")).status_code == 200


async def test_metrics_are_text(page: Path) -> None:
    async with _client(page, host="127.0.0.1:1234") as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "collab_frames_sent_total 0.0" in answer.text


async def test_numbers_that_others_keep_are_fetched_at_a_scrape() -> None:
    metrics = Metrics()

    async def fetch() -> None:
        metrics.connections_open = 7

    app = create_http_app(health=_Health(), metrics=metrics, before_scrape=fetch)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://[::1]") as client:
        assert "collab_connections_open 7.0" in (await client.get("/metrics")).text


async def test_metrics_are_for_this_machine_alone(page: Path) -> None:
    async with _client(page, remote="10.0.0.7", host="127.0.0.1:1234") as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert "from this machine" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/", "/?room=a/b", "/notes", "/notes/", "/notes/physics", "/notes/a/b c/é"])
async def test_the_page_is_at_its_addresses(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    assert "the page" in answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"


async def test_hashed_files_are_kept_for_ever(client: httpx.AsyncClient) -> None:
    answer = await client.get("/assets/main-1a2b.js", headers={"Accept-Encoding": "identity"})
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]
    assert "content-encoding" not in answer.headers


async def test_large_texts_travel_compressed(client: httpx.AsyncClient) -> None:
    answer = await client.get("/assets/main-1a2b.js", headers={"Accept-Encoding": "br, gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert int(answer.headers["content-length"]) < 500
    assert answer.text == "let a = 1;\n" * 500


async def test_a_known_file_is_not_sent_again(client: httpx.AsyncClient) -> None:
    etag = (await client.get("/")).headers["etag"]
    answer = await client.get("/", headers={"If-None-Match": f'"other", W/{etag}'})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == etag


@pytest.mark.parametrize(
    "path",
    ["/my-room", "/assets/none.js", "/assets/", "/docs", "/redoc", "/openapi.json", "/livez/", "/%2e%2e/x"],
)
async def test_anything_else_is_a_problem(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "Not Found"
    assert "WebSocket" in answer.json()["detail"]


async def test_a_person_with_a_wrong_address_gets_the_page(client: httpx.AsyncClient) -> None:
    accepts = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    answer = await client.get("/elsewhere", headers=accepts)
    assert answer.status_code == 404
    assert "the page" in answer.text
    answer = await client.get("/elsewhere", headers={**accepts, "If-None-Match": answer.headers["etag"]})
    assert answer.status_code == 404


async def test_a_wrong_address_without_a_page_is_a_problem(tmp_path: Path) -> None:
    async with _client(tmp_path / "none") as client:
        answer = await client.get("/elsewhere", headers={"Accept": "text/html"})
    assert answer.headers["content-type"] == "application/problem+json"


async def test_other_methods_are_told_what_is_allowed(client: httpx.AsyncClient) -> None:
    answer = await client.post("/livez")
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]
    assert answer.json()["status"] == 405


async def test_a_page_that_is_not_built_says_how_to_build_it(tmp_path: Path) -> None:
    async with _client(tmp_path / "none") as client:
        answer = await client.get("/")
    assert answer.status_code == 200
    assert "make run" in answer.text
    assert answer.headers["cache-control"] == "no-store"


async def test_under_a_base_path_and_stripped_of_it(page: Path) -> None:
    async with _client(page, base_path="/collab") as client:
        for prefix in ("", "/collab"):
            assert (await client.get(prefix + "/livez")).status_code == 200
            assert (await client.get(prefix + "/assets/main-1a2b.js")).status_code == 200
            assert '<base href="/collab/" />' in (await client.get(prefix + "/notes/x")).text
        assert (await client.get("/collab", follow_redirects=True)).text.startswith("<base")
        assert (await client.get("/collab", follow_redirects=False)).headers["location"] == "/collab/"
        assert (await client.get("/collaborate/livez")).status_code == 404


async def test_every_answer_carries_the_security_headers(client: httpx.AsyncClient) -> None:
    for path in ("/", "/none", "/livez"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "ws://school.example:1234" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
