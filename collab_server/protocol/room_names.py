"""The one way from a WebSocket path, a query parameter or a command-line argument to a room's name.

Owns the canonical form; used by gateway, REST, CLI and storage alike, so that no two of them disagree.
"""

from __future__ import annotations

import re
import unicodedata

from collab_server.errors import BadRoomName

MAX_NAME_BYTES = 255
#: Composing makes a name shorter, at most to a third.
_MAX_RAW_CHARACTERS = 3 * MAX_NAME_BYTES

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")


def room_from_path(path: bytes, *, base_path: str = "") -> str:
    """The room that a raw request path names, as `canonical_name` of the path below `base_path`.

    `path` has no query. It is percent-decoded once; a name that came unencoded stays as it is.
    Raises BadRoomName.
    """
    prefix = base_path.rstrip("/").encode()
    if prefix and not path.startswith(prefix + b"/"):
        raise BadRoomName(f"The path does not begin with {base_path!r}.")
    below = path[len(prefix) :].removeprefix(b"/")
    if _BAD_ESCAPE.search(below):
        raise BadRoomName("The room's name holds a % that is not followed by two hexadecimal digits.")
    decoded = _ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), below)
    try:
        return canonical_name(decoded.decode())
    except UnicodeDecodeError as error:
        raise BadRoomName("The room's name is not UTF-8.") from error


def canonical_name(name: str) -> str:
    """NFC form of a room's name, or BadRoomName saying what to change."""
    if len(name) > _MAX_RAW_CHARACTERS:
        # Before it is normalised: that takes quadratic time for a row of combining marks.
        raise BadRoomName(f"The room's name has {len(name)} characters; {MAX_NAME_BYTES} bytes are allowed.")
    name = unicodedata.normalize("NFC", name)
    if not name:
        raise BadRoomName("The room's name is empty: connect to /<room>.")
    try:
        size = len(name.encode())
    except UnicodeEncodeError as error:
        raise BadRoomName("The room's name holds half a surrogate pair.") from error
    if size > MAX_NAME_BYTES:
        raise BadRoomName(f"The room's name takes {size} bytes; {MAX_NAME_BYTES} are allowed.")
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise BadRoomName("The room's name holds a control character.")
    if any(segment in ("", ".", "..") for segment in name.split("/")):
        raise BadRoomName("A segment of the room's name is empty, '.' or '..'.")
    return name
