"""A scripted participant in Python: a raw connection with a pycrdt document behind it.

Speaks just enough y-websocket to edit: answers step 1, applies what comes, sends its edits, sets marks. Used
where a test needs many participants, or the exact frames that came.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from pycrdt import Array, Doc, Map, Text

from tests.support import yproto
from tests.support.rawclient import RawClient
from tests.support.waiting import PATIENCE, Changes, WaitFailed


class Editor:
    """One document, kept over connections; `connect` as often as needed."""

    def __init__(self, *, client_id: int | None = None) -> None:
        self.doc: Doc[Any] = Doc() if client_id is None else Doc(client_id=client_id)
        self.text: Text = self.doc.get("text", type=Text)
        self.map: Map[Any] = self.doc.get("map", type=Map)
        self.array: Array[Any] = self.doc.get("array", type=Array)
        self.client: RawClient | None = None
        self.synced = False
        self.saved: list[int] = []
        self.envelopes: list[dict[str, Any]] = []
        self.awareness: dict[int, str] = {}
        self._changes = Changes()
        self._applying = False
        self._subscription = self.doc.observe(self._changed_here)

    async def connect(self, url: str, *, tls: ssl.SSLContext | None = None) -> Self:
        """Join the room at `url` as a stock client does: step 1 first. Raises OSError, HandshakeRefused."""
        self.synced = False
        self.client = await RawClient.connect(url, tls=tls)
        self.client.on_message = self._take
        for early in list(self.client.messages):
            self._take(early)
        self.client.send(yproto.step1(self.doc.get_state()))
        return self

    async def joined(self, *, within: float = PATIENCE) -> Self:
        """Wait for step 2. Raises WaitFailed, saying so if the server closed instead."""
        client = self.client
        assert client is not None, "the editor never connected"
        await client.until(lambda: self.synced or client.closed is not None, within=within, what="step 2")
        if not self.synced:
            raise WaitFailed(f"closed before step 2: {client.closed}")
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.leave()

    async def leave(self) -> None:
        """Drop the connection; the document stays. Idempotent."""
        if self.client is not None:
            await self.client.abort()

    async def wait(self, condition: Any, *, within: float = PATIENCE, what: str = "condition") -> Any:
        return await self._changes.wait_for(condition, within=within, what=what)

    async def wait_text(self, expected: str, *, within: float = PATIENCE) -> None:
        await self.wait(lambda: str(self.text) == expected, within=within, what=f"text {expected[-80:]!r}")

    def send(self, payload: bytes) -> None:
        assert self.client is not None, "the editor never connected"
        self.client.send(payload)

    def append(self, value: str) -> None:
        self.text += value

    def mark(self, number: int) -> None:
        self.send(yproto.envelope({"op": "mark", "id": number}))

    def hello(self) -> None:
        self.send(yproto.envelope({"op": "hello", "v": 1, "channels": {}}))

    async def wait_saved(self, number: int, *, within: float = PATIENCE) -> None:
        await self.wait(lambda: number in self.saved, within=within, what=f"saved {number}")

    def _changed_here(self, event: Any) -> None:
        if not self._applying and self.client is not None:
            self.client.send(yproto.update(event.update))

    def _take(self, payload: bytes) -> None:
        message = yproto.decode(payload)
        if message.type == yproto.SYNC:
            self._take_sync(message)
        elif message.type == yproto.CHANNEL:
            self._take_envelope(message.json)
        elif message.type == yproto.AWARENESS:
            self._take_awareness(message)
        self._changes.notify()

    def _take_sync(self, message: yproto.Message) -> None:
        if message.step == yproto.STEP1:
            self.send(yproto.step2(self.doc.get_update(message.data)))
            return
        self._applying = True
        try:
            self.doc.apply_update(message.data)
        finally:
            self._applying = False
        self.synced = self.synced or message.step == yproto.STEP2

    def _take_envelope(self, value: dict[str, Any]) -> None:
        self.envelopes.append(value)
        if value["op"] == "saved":
            assert value["level"] == "journaled", f"unexpected level in {value}"
            self.saved.append(value["mark"])

    def _take_awareness(self, message: yproto.Message) -> None:
        for client, _clock, state in message.entries:
            if state == "null":
                self.awareness.pop(client, None)
            else:
                self.awareness[client] = state


def successive_updates(*edits: Callable[[Editor], None], editor: Editor | None = None) -> list[bytes]:
    """What an author would send for each edit, one after the other; each update needs the one before."""
    author = Editor() if editor is None else editor
    updates: list[bytes] = []
    subscription = author.doc.observe(lambda event: updates.append(event.update))
    for edit in edits:
        edit(author)
    author.doc.unobserve(subscription)
    assert len(updates) == len(edits)
    return updates
