"""The encoding of who wrote a record: users and the Yjs client ids that they used.

A JSON array of `[user, [client id, …]]`, without spaces, UTF-8, users in order of their code points and
client ids ascending, each once; so equal authors are equal bytes. Specified in `FORMAT.md`. Knows no record.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping


def encode_authors(authors: Mapping[str, Iterable[int]]) -> bytes:
    """Bytes for `Record.authors` from user id → client ids. Nobody is `b"[]"`."""
    entries = [[user, sorted(set(clients))] for user, clients in sorted(authors.items())]
    return json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()


def decode_authors(data: bytes) -> dict[str, tuple[int, ...]]:
    """User id → client ids. Raises ValueError for what `encode_authors` does not write."""
    try:
        authors = {user: tuple(clients) for user, clients in json.loads(data)}
        canonical = encode_authors(authors)
    except (TypeError, ValueError) as error:
        raise ValueError(f"not authors: {data[:100]!r}") from error
    if canonical != data:
        raise ValueError(f"not authors in canonical form: {data[:100]!r}")
    return authors
