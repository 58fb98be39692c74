"""The composition: what starts, what it refuses, and that nothing of it is left behind."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from collab_storage import LockedError, UnavailableError
from collab_storage.memory import MemoryJournal

from collab_server.app import Application, build_app
from collab_server.config import Settings
from collab_server.errors import ConfigError, FailureKind, JobFailed
from collab_server.http.health import NotReady
from collab_server.runtime.workers import Lane
from collab_server.types import Job
from tests.support import yproto
from tests.support.children import worker_processes
from tests.support.leaks import no_leaks
from tests.support.rawclient import HandshakeRefused, RawClient

#: A letter by client 1, in text "t".
LETTER = bytes.fromhex("0101010004010174016100")


def settings(data: Path, **listen: object) -> Settings:
    return Settings.model_validate(
        {
            "listen": {"port": 0, **listen},
            "storage": {"directory": data},
            "sessions": {"drain_seconds": 2, "refusal_delay_seconds": 0},
        }
    )


def ws_url(app: Application, room: str = "r") -> str:
    return f"ws://127.0.0.1:{app.port}/{room}"


async def test_start_serve_drain_close(tmp_path: Path) -> None:
    async with no_leaks(), build_app(settings(tmp_path)) as app:
        assert list(app.service.not_ready()) == [NotReady.STARTING]
        await app.start()
        assert list(app.service.not_ready()) == []
        async with await RawClient.connect(ws_url(app)) as client:
            client.send(yproto.step1())
            await client.until(lambda: len(client.messages) == 2)
            assert client.messages == [yproto.step1(), yproto.step2()]
            await app.drain(deadline_seconds=2)
            assert NotReady.DRAINING in app.service.not_ready()
            assert (await client.wait_closed()).code == 1012
        assert app.unsaved() == []


async def test_a_second_server_on_the_same_data_is_refused(tmp_path: Path) -> None:
    async with no_leaks(), build_app(settings(tmp_path)) as first:
        await first.start()
        async with AsyncExitStack() as stack:
            second = await stack.enter_async_context(build_app(settings(tmp_path)))
            with pytest.raises(LockedError):
                await second.start()
    async with build_app(settings(tmp_path)) as third:
        await third.start()


async def test_a_taken_port_is_a_useful_error_and_leaves_nothing(tmp_path: Path) -> None:
    async with no_leaks(), build_app(settings(tmp_path / "one")) as first:
        await first.start()
        async with build_app(settings(tmp_path / "two", port=first.port)) as second:
            with pytest.raises(ConfigError, match=str(first.port)):
                await second.start()


async def test_other_addresses_need_a_decision(tmp_path: Path) -> None:
    unchecked = settings(tmp_path).model_copy(
        update={"listen": settings(tmp_path).listen.model_copy(update={"host": "0.0.0.0"})}
    )
    async with build_app(unchecked) as app:
        with pytest.raises(ConfigError, match="--allow-anonymous"):
            await app.start()


class BrokenJournal(MemoryJournal):
    async def append(self, records) -> None:
        raise UnavailableError("the disk is full")


async def test_what_could_not_be_saved_in_time_is_listed_and_readiness_tells(tmp_path: Path) -> None:
    async with build_app(settings(tmp_path), journal=BrokenJournal()) as app:
        await app.start()
        async with await RawClient.connect(ws_url(app, "lost")) as client:
            client.send(yproto.step1())
            client.send(yproto.update(LETTER))
            async with await RawClient.connect(ws_url(app, "lost")) as reader:
                reader.send(yproto.step1())
                await reader.until(lambda: len(reader.messages) == 2)
        await app.drain(deadline_seconds=0.3)
        assert app.unsaved() == ["default/lost"]
        assert NotReady.JOURNAL_FAILING in app.service.not_ready()


async def test_one_past_the_cap_is_refused_and_readiness_says_so(tmp_path: Path) -> None:
    async with build_app(settings(tmp_path), max_connections=1) as app:
        await app.start()
        async with await RawClient.connect(ws_url(app)):
            assert NotReady.AT_CAPACITY in app.service.not_ready()
            with pytest.raises(HandshakeRefused, match="503"):
                await RawClient.connect(ws_url(app))


async def test_the_workers_are_ready_without_a_process_and_leave_nothing(tmp_path: Path) -> None:
    async with build_app(settings(tmp_path)) as app:
        await app.start()
        assert worker_processes() == []
        storage = app.service.settings.storage
        files = {"journal": str(storage.journal_file), "bases": str(storage.bases_file)}
        nobody = files | {"tenant": "default", "room": "nobody"}
        with pytest.raises(JobFailed) as caught:
            await app.service.workers.run(Lane.BACKGROUND, Job.PREVIEW, nobody)
        assert (caught.value.kind, caught.value.cause) == (FailureKind.REFUSED, "NoSuchRoom")
        assert len(worker_processes()) == 1
    assert worker_processes() == []
    assert list((tmp_path / "scratch").glob("*")) == []
