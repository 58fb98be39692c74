"""What a job is: a name in a table, a function, and one way to say no.

Knows no job and no process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from collab_server.errors import CollabError
from collab_server.pipe import JSON

Arguments: TypeAlias = Mapping[str, JSON]
#: What a job gives back: values, and bytes if there are any.
Result: TypeAlias = tuple[dict[str, JSON], bytes | None]
Job: TypeAlias = Callable[[Arguments, bytes | None], Result]


class Refused(CollabError):
    """The job cannot be done, and would fail the same way again. The text says why, without content."""


class NoSuchRoom(Refused):
    """Nothing was ever stored under this name."""


class NotLoadable(Refused):
    """Yrs does not take this document. It is served and edited all the same."""


def text_argument(arguments: Arguments, name: str) -> str:
    """An argument that must be there and be text."""
    value = arguments.get(name)
    if not isinstance(value, str):
        raise Refused(f"the argument {name} must be text")
    return value
