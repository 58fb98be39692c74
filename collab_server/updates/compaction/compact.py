"""From updates to a base: read all, look at the types, write each client anew.

Owns the order of the steps and the shape of the result.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from collab_server.updates.base import BaseHead, BlockTable
from collab_server.updates.compaction.nesting import GONE, depths
from collab_server.updates.compaction.rewrite import Written, rewrite
from collab_server.updates.compaction.structs import Document
from collab_server.updates.varint import client_varint, varint

#: Types nested deeper than this get nothing new: some thousand levels overflow a browser's stack when one
#: is deleted.
MAX_TYPE_DEPTH = 32


@dataclass(frozen=True, slots=True)
class Compacted:
    """A base: `pieces` joined are one canonical update with all of the document."""

    head: BaseHead
    table: BlockTable
    pieces: list[bytes]

    @property
    def data(self) -> bytes:
        return b"".join(self.pieces)


def compact(updates: Iterable[bytes]) -> Compacted:
    """Make a base of updates in the order in which they were accepted, a former base first.

    Raises InvalidUpdate if they are no such updates.
    """
    document = Document()
    for update in updates:
        document.read(update)
    found = depths(document)
    gone = [depth >= GONE for depth in found]
    deep = {
        place for place, depth in zip(document.types, found, strict=True) if MAX_TYPE_DEPTH < depth < GONE
    }
    builder = _Builder()
    builder.begin(len(document.clients))
    for client, written in _written(document, gone):
        builder.add(client, written)
    pieces = builder.finish(document.deletes.encode())
    head = BaseHead(
        state=builder.state,
        deletes=document.deletes,
        structs=builder.structs,
        size_bytes=builder.size_bytes,
        depth=max((depth for depth in found if depth < GONE), default=0),
        deep=frozenset(deep),
    )
    return Compacted(head, builder.table(), pieces)


def _written(document: Document, gone: list[bool]) -> Iterator[tuple[int, Written]]:
    """Each client's structs, descending; what was read of it is given back on the way."""
    parents = document.resolve()
    for client in sorted(document.clients, reverse=True):
        yield client, rewrite(document.clients.pop(client), document.deletes.borders(client), gone, parents)


class _Builder:
    """Puts the clients' structs one after the other and notes where they stand."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._client_columns = [array(code) for code in "QIIQQI"]
        self._mark_columns = [array(code) for code in "IQI"]
        self.size_bytes = 0
        self.structs = 0
        self.state: dict[int, int] = {}

    def begin(self, clients: int) -> None:
        self._put(varint(clients))

    def add(self, client: int, written: Written) -> None:
        self._put(varint(written.count) + client_varint(client) + varint(0))
        first = self.size_bytes
        self._put(bytes(written.data))
        clocks, offsets, counts = self._mark_columns
        clocks += written.clocks
        offsets.extend([first + offset for offset in written.offsets])
        counts += written.counts
        values = (client, written.end, written.count, first, self.size_bytes, len(clocks))
        for column, value in zip(self._client_columns, values, strict=True):
            column.append(value)
        self.structs += written.count
        self.state[client] = written.end

    def finish(self, deletes: bytes) -> list[bytes]:
        self._put(deletes)
        return self._pieces

    def _put(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.size_bytes += len(piece)

    def table(self) -> BlockTable:
        return BlockTable([*self._client_columns, *self._mark_columns])
