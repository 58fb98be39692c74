"""Two people write one note in two separate browsers: what the page promises, over a killed server too."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.browser import Browser, Page, chromium_path
from tests.support.server import HOST, ServerProcess, our_server
from tests.support.waiting import WaitFailed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

FAULTY_SERVER = Path(__file__).resolve().parents[1] / "support" / "faulty_server.py"
#: What the slow journal of `faulty_server.py` takes for a commit.
SLOW_COMMIT_MS = 1500
STUCK_SECONDS = 4.0
#: Complaints of the browser itself about a server that is down.
ABOUT_THE_NETWORK = re.compile(r"WebSocket connection to|ERR_CONNECTION|Failed to load resource")


@pytest.fixture
async def browser(node_modules: Path) -> AsyncIterator[Browser]:
    executable = chromium_path()
    if executable is None:
        assert "CI" not in os.environ, "CI installs a Chromium before the tests"
        pytest.skip("no Chromium here; `make test` installs one, or name one in COLLAB_TEST_CHROMIUM")
    async with Browser(executable) as running:
        yield running


def note(server: ServerProcess, room: str) -> str:
    return f"{server.http}/notes/{room}"


async def two_pages(browser: Browser, server: ServerProcess, room: str) -> tuple[Page, Page]:
    pages = await asyncio.gather(*(browser.page(name, note(server, room)) for name in ("ada", "bob")))
    await asyncio.gather(*(page.online() for page in pages))
    return pages[0], pages[1]


async def is_healthy(page: Page, server: ServerProcess) -> None:
    """No error in the page, and nothing loaded from another site."""
    problems = await page.call("problems")
    assert [problem for problem in problems if not ABOUT_THE_NETWORK.search(problem)] == []
    hosts = {
        urlsplit(url).netloc for url in await page.call("requests") if not url.startswith(("data:", "blob:"))
    }
    assert hosts == {f"{HOST}:{server.port}"}


async def equal(first: Page, second: Page) -> str:
    """Both show the same text, at rest."""
    text = await first.text()
    assert text == await second.text()
    return text


async def test_two_people_type_at_once_and_read_the_same(browser: Browser, server: ServerProcess) -> None:
    """At one caret of an empty note: letters may alternate, or each may begin a paragraph, but none is lost
    and both see the same order."""
    ada, bob = await two_pages(browser, server, "class/7b/Übung 1")
    hers, his = "Ada was here. " * 5, "Bob too, ☂. " * 5
    await asyncio.gather(ada.type(hers, delay=15), bob.type(his, delay=15))
    await asyncio.gather(*(page.wait_length(len(hers + his)) for page in (ada, bob)))
    await asyncio.gather(*(page.wait_state("saved-state", "saved") for page in (ada, bob)))
    assert sorted((await equal(ada, bob)).replace("\n", "")) == sorted(hers + his)
    await asyncio.gather(*(page.wait_attribute("roster", "data-count", "2") for page in (ada, bob)))
    await bob.call("close")
    await ada.wait_attribute("roster", "data-count", "1")
    await is_healthy(ada, server)


async def test_the_server_is_killed_and_started_again_under_them(
    browser: Browser, server: ServerProcess
) -> None:
    ada, bob = await two_pages(browser, server, "killed")
    await ada.type("before the kill, ")
    await bob.wait_text("before the kill, ")
    await server.kill9()
    await asyncio.gather(
        *(page.wait_state("connection-state", "reconnecting", "offline") for page in (ada, bob))
    )
    await asyncio.gather(ada.type("ada offline, "), bob.type("bob offline, "))
    await asyncio.gather(*(page.wait_state("saved-state", "offline", "unknown") for page in (ada, bob)))
    await server.start()
    await asyncio.gather(ada.online(), bob.online())
    everything = ("before the kill, ", "ada offline, ", "bob offline, ")
    await asyncio.gather(ada.wait_text(*everything), bob.wait_text(*everything))
    await asyncio.gather(*(page.wait_state("saved-state", "saved") for page in (ada, bob)))
    await equal(ada, bob)
    await asyncio.gather(is_healthy(ada, server), is_healthy(bob, server))


async def test_what_is_called_saved_is_there_after_a_kill(browser: Browser, server: ServerProcess) -> None:
    """Nobody's browser is left to bring it back."""
    ada = await (await browser.page("ada", note(server, "saved"))).online()
    await ada.type("my exam")
    await ada.wait_state("saved-state", "saving")
    await ada.wait_state("saved-state", "saved")
    await server.kill9()
    await ada.call("close")
    await server.start()
    late = await (await browser.page("late", note(server, "saved"))).online()
    await late.wait_text("my exam")


@asynccontextmanager
async def with_fault(fault: str, data: Path) -> AsyncIterator[ServerProcess]:
    command = [sys.executable, str(FAULTY_SERVER), fault, "serve", "--host", HOST, "--data", str(data)]
    server = ServerProcess([*command, "--log-format", "json"])
    await server.start()
    try:
        yield server
    finally:
        await server.kill9()


async def test_saved_is_shown_only_after_the_commit(browser: Browser, tmp_path: Path) -> None:
    """With a journal that takes long: the other one reads it at once, and only later it is called saved."""
    async with with_fault("slow-commit", tmp_path / "data") as server:
        ada, bob = await two_pages(browser, server, "slow")
        await ada.wait_state("saved-state", "saved")
        await ada.record("saved-state")
        typed = await ada.type("x")
        read = await bob.wait_text("x")
        await ada.wait_state("saved-state", "saving")
        await ada.wait_state("saved-state", "saved")
        states = await ada.states("saved-state")
    assert [entry["state"] for entry in states] == ["saved", "saving", "saved"]
    assert states[-1]["at"] - typed >= SLOW_COMMIT_MS * 0.9
    assert read < states[-1]["at"]


async def test_nothing_is_called_saved_while_nothing_is_committed(browser: Browser, tmp_path: Path) -> None:
    async with with_fault("stuck-commit", tmp_path / "data") as server:
        ada, bob = await two_pages(browser, server, "stuck")
        await ada.type("never on disk")
        await bob.wait_text("never on disk")
        await ada.wait_state("saved-state", "saving")
        with pytest.raises(WaitFailed):
            await ada.wait_state("saved-state", "saved", within=STUCK_SECONDS)


async def test_control_two_servers_do_not_show_each_other(browser: Browser, tmp_path: Path) -> None:
    """The scenario fails when nothing is relayed: here, because each page has a server of its own."""
    async with our_server(tmp_path / "one") as one, our_server(tmp_path / "two") as two:
        ada = await (await browser.page("ada", note(one, "apart"))).online()
        bob = await (await browser.page("bob", note(two, "apart"))).online()
        await ada.type("not for bob")
        with pytest.raises(WaitFailed):
            await bob.wait_text("not for bob", within=2)
