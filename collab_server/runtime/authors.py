"""The authors of a record as they stand in the journal, made once for those who write on and on.

Owns that memory alone; the format is `collab_storage`'s.
"""

from __future__ import annotations

from functools import lru_cache

import collab_storage

from collab_server.rooms.outcomes import Authors


def encode_authors(authors: Authors) -> bytes:
    """Most deltas have one author with one client id, the same as the delta before: those bytes are kept."""
    if len(authors) == 1:
        ((user, clients),) = authors.items()
        if len(clients) <= 1:
            return _encode_sole_author(user, *clients)
    return collab_storage.encode_authors(authors)


@lru_cache(maxsize=16_384)
def _encode_sole_author(user: str, *clients: int) -> bytes:
    return collab_storage.encode_authors({user: clients})
