"""Where the updates of a document come from: the rows of its room, read by the worker itself.

The one place in a worker that knows the store. Large bytes never cross the pipe.
"""

from __future__ import annotations

from collab_storage import StreamKey
from collab_storage.sqlite import look_into

from collab_server.engine.job import Arguments, NoSuchRoom, text_argument
from collab_server.types import DOCUMENT_STREAM

#: One read sees one moment of the file, so all rows are taken at once.
_ALL_BYTES = 1 << 62


def document_updates(arguments: Arguments) -> list[bytes]:
    """Every update of a document, in order: arguments `journal` (path), `tenant`, `room`.

    Raises NoSuchRoom, and StorageError for a journal that cannot be read.
    """
    tenant, room = text_argument(arguments, "tenant"), text_argument(arguments, "room")
    key = StreamKey(tenant, room, DOCUMENT_STREAM)
    try:
        with look_into(text_argument(arguments, "journal")) as reader:
            updates = [record.data for record in reader.read(key, -1, _ALL_BYTES, recent=True)]
            if not updates and not reader.streams(tenant, room):
                raise NoSuchRoom(f"nothing is stored of room {room!r} of tenant {tenant!r}")
    except FileNotFoundError as error:
        raise NoSuchRoom(f"there is no journal at {error}") from error
    return updates
