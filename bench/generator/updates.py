"""Yjs updates (v1) as the generator writes and reads them.

Writes what an editor sends for one typed character: one section with one string struct of length 1 whose
origin is the typist's previous character. Reads what comes back, relayed singly or spliced: which clocks of
which client, which deletions. Knows the content types that the workloads use; anything else in a delta
fails the run.

Format: the `yjs` 13 sources (`UpdateEncoderV1`, `Item.write`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.generator.codec import BadMessage, read_var_string, read_var_uint, var_string, var_uint

ROOT_NAME = "text"
EMPTY_UPDATE = b"\x00\x00"

#: (client id, first clock, clock after the last)
Range = tuple[int, int, int]
#: What the character of a client at a clock must be; None if it may be any.
Expected = Callable[[int, int], str | None]

#: Client ids of stored documents begin here, as Yjs draws them: five bytes long.
FIRST_STORED_CLIENT = 2_500_000_000

_GC, _DELETED, _STRING, _SKIP = 0, 1, 4, 10
_ORIGIN, _RIGHT_ORIGIN, _PARENT_SUB = 0x80, 0x40, 0x20


def typed_or_stored(client: int, clock: int) -> str | None:
    """`typed_character`; None for the client ids of a stored document (`bench.stored`)."""
    return typed_character(client, clock) if client < FIRST_STORED_CLIENT else None


def typed_character(client: int, clock: int) -> str:
    """The character every replica must have at this place; it depends on the place alone."""
    return chr(97 + (client * 31 + clock * 7) % 26)


def keystroke(client: int, clock: int) -> bytes:
    """Update of one typed character at the end of what `client` typed before."""
    client_bytes = var_uint(client)
    first = b"\x04\x01" + var_string(ROOT_NAME)
    head = b"\x84" + client_bytes + var_uint(clock - 1) if clock else first
    character = typed_character(client, clock).encode()
    return b"\x01\x01" + client_bytes + var_uint(clock) + head + b"\x01" + character + b"\x00"


def typed_run(client: int, start: int, end: int) -> bytes:
    """One update with every character from `start` up to `end`, as a stock client answers a step 1."""
    if start >= end:
        return EMPTY_UPDATE
    structs = [keystroke(client, clock) for clock in range(start, end)]
    head = 2 + len(var_uint(client))
    bodies = [update[head + len(var_uint(start + n)) : -1] for n, update in enumerate(structs)]
    return b"\x01" + var_uint(len(bodies)) + var_uint(client) + var_uint(start) + b"".join(bodies) + b"\x00"


@dataclass(frozen=True, slots=True)
class Delta:
    """What one update carries. `runs` in the order of the sections, neighbours joined."""

    runs: tuple[Range, ...]
    deletes: tuple[Range, ...] = ()


def read_update(data: bytes, expected: Expected | None = None) -> Delta:
    """Read one whole update; with `expected`, also compare every character in it.

    Raises `BadMessage` on anything malformed, unknown, or different from what was expected.
    """
    runs: list[Range] = []
    sections, at = read_var_uint(data, 0)
    for _ in range(sections):
        count, at = read_var_uint(data, at)
        client, at = read_var_uint(data, at)
        start, at = read_var_uint(data, at)
        at = _read_section(data, at, count, (client, start), runs, expected)
    deletes, at = _read_deletes(data, at)
    if at != len(data):
        raise BadMessage(f"{len(data) - at} bytes follow an update")
    return Delta(tuple(runs), deletes)


def read_sections(data: bytes, at: int, *, least_client: int) -> tuple[Range, ...]:
    """The runs at the start of an update at `at`, up to the first client below `least_client`.

    Sections come with the higher client id first, so the bytes may end soon after.
    """
    runs: list[Range] = []
    sections, at = read_var_uint(data, at)
    for _ in range(sections):
        count, at = read_var_uint(data, at)
        client, at = read_var_uint(data, at)
        start, at = read_var_uint(data, at)
        if client < least_client:
            break
        at = _read_section(data, at, count, (client, start), runs, None)
    return tuple(runs)


def _read_section(
    data: bytes,
    at: int,
    count: int,
    place: tuple[int, int],
    runs: list[Range],
    expected: Expected | None,
) -> int:
    client, clock = place
    start = clock
    for _ in range(count):
        info = data[at]
        if info == _SKIP:
            if clock > start:
                runs.append((client, start, clock))
            length, at = read_var_uint(data, at + 1)
            start = clock + length
        else:
            length, at = _read_struct(data, at, (client, clock), expected)
        clock += length
    if clock > start:
        runs.append((client, start, clock))
    return at


def _read_struct(data: bytes, at: int, place: tuple[int, int], expected: Expected | None) -> tuple[int, int]:
    """Return (length, position after it)."""
    info = data[at]
    if info == _GC:
        return read_var_uint(data, at + 1)
    at = _skip_references(data, at + 1, info)
    content = info & 0x1F
    if content == _DELETED:
        return read_var_uint(data, at)
    if content != _STRING:
        raise BadMessage(f"content {content} is in no workload")
    text, at = read_var_string(data, at)
    if expected is not None:
        _compare(text, place, expected)
    return _utf16_length(text), at


def split_update(data: bytes, structs_per_piece: int) -> list[bytes]:
    """An update of one client as several, in order; the deletions come with the last."""
    _, at = read_var_uint(data, 0)
    count, at = read_var_uint(data, at)
    client, at = read_var_uint(data, at)
    clock, at = read_var_uint(data, at)
    pieces = []
    while count:
        size = min(count, structs_per_piece)
        head = b"\x01" + var_uint(size) + var_uint(client) + var_uint(clock)
        start = at
        for _ in range(size):
            length, at = _read_struct(data, at, (client, clock), None)
            clock += length
        count -= size
        pieces.append(head + data[start:at] + (b"\x00" if count else data[at:]))
    return pieces


def _skip_references(data: bytes, at: int, info: int) -> int:
    for flag in (_ORIGIN, _RIGHT_ORIGIN):
        if info & flag:
            _, at = read_var_uint(data, at)
            _, at = read_var_uint(data, at)
    if not info & (_ORIGIN | _RIGHT_ORIGIN):
        named, at = read_var_uint(data, at)
        if named != 1:
            raise BadMessage("the workloads have one root and no nested types")
        _, at = read_var_string(data, at)
    if info & _PARENT_SUB and not info & (_ORIGIN | _RIGHT_ORIGIN):
        _, at = read_var_string(data, at)
    return at


def _compare(text: str, place: tuple[int, int], expected: Expected) -> None:
    client, clock = place
    for character in text:
        wanted = expected(client, clock)
        if wanted is None:
            return
        if character != wanted:
            raise BadMessage(f"client {client} clock {clock}: {character!r} was never typed there")
        clock += 1


def _utf16_length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", errors="surrogatepass")) // 2


def _read_deletes(data: bytes, at: int) -> tuple[tuple[Range, ...], int]:
    deletes: list[Range] = []
    clients, at = read_var_uint(data, at)
    for _ in range(clients):
        client, at = read_var_uint(data, at)
        ranges, at = read_var_uint(data, at)
        for _ in range(ranges):
            clock, at = read_var_uint(data, at)
            length, at = read_var_uint(data, at)
            deletes.append((client, clock, clock + length))
    return tuple(deletes), at


def read_state_vector(data: bytes) -> dict[int, int]:
    """{client id: next clock} from the payload of a step 1."""
    clients, at = read_var_uint(data, 0)
    state: dict[int, int] = {}
    for _ in range(clients):
        client, at = read_var_uint(data, at)
        state[client], at = read_var_uint(data, at)
    return state
