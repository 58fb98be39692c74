"""The ASGI application: its lifespan, who answers before it, whom it lets in. The test plays the server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from collab_storage import UnavailableError
from collab_storage.memory import MemoryJournal

from collab_server.asgi import CollabApp, create_app
from collab_server.config import Settings
from tests.support import yproto
from tests.support.leaks import no_leaks
from tests.support.waiting import PATIENCE, Changes

#: A letter by client 1, in text "t".
LETTER = bytes.fromhex("0101010004010174016100")


def settings(data: Path | None = None, **listen: object) -> Settings:
    storage = {"memory_only": True} if data is None else {"directory": data}
    return Settings.model_validate(
        {
            "listen": listen,
            "storage": storage,
            "sessions": {"drain_seconds": 2, "refusal_delay_seconds": 0, "close_seconds": 0.5},
        }
    )


def scope(path: str = "/room", **changed: Any) -> dict[str, Any]:
    return {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "client": ("127.0.0.1", 4711),
        "subprotocols": [],
    } | changed


class Client:
    """A WebSocket client and the server between it and the application."""

    def __init__(self, app: CollabApp, asked: dict[str, Any] | None = None) -> None:
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.events.put_nowait({"type": "websocket.connect"})
        self.sent: list[dict[str, Any]] = []
        self._changes = Changes()
        self._task = asyncio.create_task(app(asked or scope(), self.events.get, self._send))

    async def _send(self, event: Any) -> None:
        self.sent.append(event)
        self._changes.notify()
        if event["type"] == "websocket.close":
            # The server's part of the close handshake.
            self.events.put_nowait({"type": "websocket.disconnect", "code": event.get("code")})

    def say(self, payload: bytes) -> None:
        self.events.put_nowait({"type": "websocket.receive", "bytes": payload})

    async def messages(self, count: int) -> list[bytes]:
        await self._changes.wait_for(lambda: len(self.sent) > count)
        return [event["bytes"] for event in self.sent[1:]]

    async def all(self) -> list[dict[str, Any]]:
        """What it was sent, when the application is done with it."""
        async with asyncio.timeout(PATIENCE):
            await self._task
        return self.sent

    async def leave(self) -> None:
        self.events.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await self.all()


async def http(app: CollabApp, path: str = "/readyz", **changed: Any) -> tuple[int, bytes]:
    sent: list[dict[str, Any]] = []

    async def send(event: Any) -> None:
        sent.append(event)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    await app(scope(path, type="http", method="GET", **changed), receive, send)
    body = b"".join(event.get("body", b"") for event in sent)
    return sent[0]["status"], body


async def test_people_come_in_and_are_sent_away_at_the_end() -> None:
    app = create_app(settings())
    async with no_leaks():
        async with app.lifespan():
            assert (await http(app))[0] == 200
            client = Client(app)
            client.say(yproto.step1())
            assert await client.messages(2) == [yproto.step1(), yproto.step2()]
        assert (await client.all())[-1] == {
            "type": "websocket.close", "code": 1012, "reason": "The server restarts; reconnect."
        }  # fmt: skip


async def test_what_was_written_is_there_the_next_time(tmp_path: Path) -> None:
    app = create_app(settings(tmp_path))
    async with app.lifespan():
        client = Client(app)
        client.say(yproto.step1())
        client.say(yproto.update(LETTER))
        await client.messages(2)
    await client.all()
    async with app.lifespan():
        client = Client(app)
        client.say(yproto.step1())
        assert yproto.step2(LETTER) in await client.messages(2)
        await client.leave()


async def test_entering_twice_is_a_mistake() -> None:
    app = create_app(settings())
    async with app.lifespan():
        with pytest.raises(RuntimeError, match="entered already"):
            async with app.lifespan():
                pass
        assert (await http(app))[0] == 200


async def test_two_applications_serve_side_by_side() -> None:
    one, two = create_app(settings()), create_app(settings())
    async with one.lifespan(), two.lifespan():
        for app in (one, two):
            client = Client(app)
            client.say(yproto.step1())
            await client.messages(2)
            await client.leave()


class TestNotStarted:
    async def test_http_says_what_to_do(self) -> None:
        status, body = await http(create_app(settings()), "/")
        assert status == 503
        assert b"collab_server.asgi.lifespan()" in body

    async def test_a_websocket_says_what_to_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("collab_server.asgi._REFUSAL_SECONDS", 0.0)
        client = Client(create_app(settings()))
        client.say(yproto.step1())
        accepted, close = await client.all()
        assert accepted["type"] == "websocket.accept"
        assert close["code"] == 1013
        assert "collab_server.asgi.lifespan()" in close["reason"]

    async def test_one_that_leaves_before_it_is_told(self) -> None:
        client = Client(create_app(settings()))
        await client.leave()
        assert len(client.sent) == 1


class TestWhoMayComeIn:
    @pytest.mark.parametrize("client", [("10.1.2.3", 1), ("2001:db8::1", 1), ("proxy.test", 1)])
    async def test_only_this_machine_without_a_decision(self, client: tuple[str, int]) -> None:
        app = create_app(settings())
        async with app.lifespan():
            close = (await Client(app, scope(client=client)).all())[-1]
        assert close["code"] == 4403
        assert "listen.allow_anonymous" in close["reason"]

    @pytest.mark.parametrize("client", [("127.0.0.1", 1), ("::1", 1), ("::ffff:127.0.0.1", 1), None])
    async def test_this_machine(self, client: tuple[str, int] | None) -> None:
        app = create_app(settings())
        async with app.lifespan():
            one = Client(app, scope(client=client))
            one.say(yproto.step1())
            await one.messages(2)
            await one.leave()

    async def test_everybody_where_that_was_decided(self) -> None:
        app = create_app(settings(allow_anonymous=True))
        async with app.lifespan():
            one = Client(app, scope(client=("10.1.2.3", 1)))
            one.say(yproto.step1())
            await one.messages(2)
            await one.leave()


class TestCap:
    async def test_one_past_it_is_not_accepted(self) -> None:
        app = create_app(settings(max_connections=1))
        async with app.lifespan():
            first = Client(app)
            await first.messages(1)
            assert await Client(app).all() == [{"type": "websocket.close"}]
            start, body = await Client(app, scope(extensions={"websocket.http.response": {}})).all()
            assert (start["status"], dict(start["headers"])[b"retry-after"]) == (503, b"5")
            assert b"as many connections" in body["body"]
            status, ready = await http(app)
            assert (status, b"at_capacity" in ready) == (503, True)
            _, metrics = await http(app, "/metrics")
            assert b"collab_connections_open 1.0" in metrics
            await first.leave()


class Server:
    """The lifespan protocol of an ASGI server."""

    def __init__(self, app: CollabApp) -> None:
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.task = asyncio.create_task(app({"type": "lifespan"}, self._events.get, self._answers.put))

    async def ask(self, what: str) -> dict[str, Any]:
        self._events.put_nowait({"type": f"lifespan.{what}"})
        async with asyncio.timeout(PATIENCE):
            return await self._answers.get()


@pytest.fixture
def _log_is_the_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("structlog.is_configured", lambda: True)


@pytest.mark.usefixtures("_log_is_the_hosts")
class TestServersLifespan:
    async def test_start_and_end(self) -> None:
        app = create_app(settings())
        async with no_leaks():
            server = Server(app)
            assert await server.ask("startup") == {"type": "lifespan.startup.complete"}
            assert (await http(app))[0] == 200
            assert await server.ask("shutdown") == {"type": "lifespan.shutdown.complete"}
            await server.task
        assert (await http(app))[0] == 503

    async def test_a_start_that_fails_says_why(self, tmp_path: Path) -> None:
        first, second = create_app(settings(tmp_path)), create_app(settings(tmp_path))
        async with first.lifespan():
            answer = await Server(second).ask("startup")
        assert answer["type"] == "lifespan.startup.failed"
        assert "in use by another server" in answer["message"]

    async def test_settings_come_from_the_environment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLLAB_STORAGE__DIRECTORY", str(tmp_path / "here"))
        server = Server(create_app())
        await server.ask("startup")
        await server.ask("shutdown")
        assert (tmp_path / "here").is_dir()

    async def test_a_wrong_setting_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLLAB_LISTEN__PORT", "banana")
        answer = await Server(create_app()).ask("startup")
        assert answer["type"] == "lifespan.startup.failed"
        assert "listen.port = 'banana'" in answer["message"]

    async def test_what_is_not_saved_is_told(self) -> None:
        app = CollabApp(settings(), journal=BrokenJournal())
        server = Server(app)
        await server.ask("startup")
        client = Client(app, scope("/lost"))
        client.say(yproto.step1())
        client.say(yproto.update(LETTER))
        await client.messages(2)
        answer = await server.ask("shutdown")
        assert answer["type"] == "lifespan.shutdown.failed"
        assert "default/lost" in answer["message"]
        await client.all()


class BrokenJournal(MemoryJournal):
    async def append(self, records: Any) -> None:
        raise UnavailableError("the disk is full")
