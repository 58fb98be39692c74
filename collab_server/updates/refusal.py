"""The refusals of this package, so that every place that finds one says it the same way."""

from __future__ import annotations

from collab_server.errors import InvalidUpdate, RefusalReason


def malformed(detail: str) -> InvalidUpdate:
    """What no honest client sends."""
    return InvalidUpdate(RefusalReason.MALFORMED, detail)


def unknown_content(detail: str) -> InvalidUpdate:
    """What a later or another implementation may send, but a stock Yjs 13 client would throw on."""
    return InvalidUpdate(RefusalReason.UNKNOWN_CONTENT, detail)


def too_large(detail: str) -> InvalidUpdate:
    """What an honest client may send, over one of our limits."""
    return InvalidUpdate(RefusalReason.TOO_LARGE, detail)
