"""Pages in a real Chromium, driven from the tests. Owns the calls to `tests/node/browser.mjs`."""

from __future__ import annotations

import asyncio
import os
import shutil
from typing import Any, Self

from tests.support.node import GRACE, NodeProcess
from tests.support.waiting import PATIENCE

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
CLOSE_SECONDS = 10.0


def chromium_path() -> str | None:
    """The browser that is installed, or the one that COLLAB_TEST_CHROMIUM names."""
    named = os.environ.get("COLLAB_TEST_CHROMIUM")
    return named or next(filter(None, map(shutil.which, _NAMES)), None)


class Browser(NodeProcess):
    """One Chromium. At the end it is closed in order, so that none of its processes stays."""

    def __init__(self, executable: str) -> None:
        super().__init__("browser.mjs", executable)

    async def page(self, name: str, url: str) -> Page:
        """A page in a context of its own: nothing is shared with the others but the server."""
        page = Page(self, name)
        await page.call("open", url=url, bound=PATIENCE + GRACE)
        return page

    async def kill(self) -> None:
        """Close the browser by ending the calls; kill what does not go."""
        stdin = self._running.stdin
        if stdin is not None:
            stdin.close()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._running.wait()
        except TimeoutError:
            pass  # What is left is killed below.
        await super().kill()


class Page:
    """One page, as its user sees it: by the `data-testid`s of what is on it."""

    def __init__(self, browser: Browser, name: str) -> None:
        self._browser = browser
        self.name = name

    async def call(self, operation: str, *, bound: float = GRACE, **params: Any) -> Any:
        return await self._browser.call(operation, bound=bound, page=self.name, **params)

    async def type(self, value: str, *, delay: int = 0) -> int:
        """Type at the end of the text; the time of the last key in milliseconds."""
        bound = GRACE + len(value) * delay / 1000
        return int(await self.call("type", value=value, delay=delay, bound=bound))

    async def text(self) -> str:
        return str(await self.call("text"))

    async def wait_text(self, *parts: str, within: float = PATIENCE) -> int:
        """Wait until the editor shows all `parts`; the time in milliseconds. Raises WaitFailed."""
        return int(await self.call("waitText", parts=list(parts), timeout=within, bound=within + GRACE))

    async def wait_length(self, length: int, *, within: float = PATIENCE) -> None:
        """Wait until the editor shows `length` characters, not counting line ends. Raises WaitFailed."""
        await self.call("waitLength", length=length, timeout=within, bound=within + GRACE)

    async def wait_state(self, test_id: str, *states: str, within: float = PATIENCE) -> str:
        """Wait until the element's `data-state` is one of `states`. Raises WaitFailed."""
        return await self.wait_attribute(test_id, "data-state", *states, within=within)

    async def wait_attribute(
        self, test_id: str, attribute: str, *values: str, within: float = PATIENCE
    ) -> str:
        params = {"testId": test_id, "attribute": attribute, "values": list(values)}
        return str(await self.call("waitAttribute", timeout=within, bound=within + GRACE, **params))

    async def record(self, test_id: str) -> None:
        """From now on remember the states that an element goes through; read them by `states`."""
        await self.call("record", testId=test_id)

    async def states(self, test_id: str) -> list[dict[str, Any]]:
        """What was recorded: `state` and `at` in milliseconds, in order."""
        states: list[dict[str, Any]] = await self.call("states", testId=test_id)
        return states

    async def online(self) -> Self:
        await self.wait_state("connection-state", "online")
        return self
